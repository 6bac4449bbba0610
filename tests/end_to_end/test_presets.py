"""The presets on miniatures of the archives they are for, by the commands that their heads give."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from pipeline.__main__ import main
from pipeline.base.files import read_json
from pipeline.commands.init import write_project
from pipeline.data.manifest import Manifest, read_manifest
from pipeline.data.mask_store import load_mask
from pipeline.params import load_params
from pipeline.stages import prepare
from tests.archives import (
    COCO_CLASSES,
    COCO_GREY,
    SBD,
    VOC_CLASSES,
    VOC_TRAIN,
    VOC_VAL,
    SbdKind,
    coco_mask,
    coco_name,
    coco_objects,
    make_coco2014,
    make_voc2012,
    sbd_mask,
    voc_mask,
)
from tests.end_to_end.project import ROOT, TRAINING, change_params, run

PRESETS = ("voc2012", "coco2014")
RUN = "camseg run"
TRAINING_IMAGES = {"voc2012": 10_582, "coco2014": 82_783}
VOC_ALONE = 1_464  # training images
SMALL = {
    **{f"classifier.training.{key}": value for key, value in TRAINING.items()},
    **{f"segmentation.training.{key}": value for key, value in TRAINING.items()},
    "data.long_side": 64,
    "classifier.encoder": "resnet18",
    "classifier.weights": "none",  # no network
    "segmentation.encoder": "resnet18",
    "self_training.scales": [1.0],
    "diagnose.images": 1,
    "report.images": 4,
}


def text_of_preset(preset: str) -> str:
    return (ROOT / f"pipeline/presets/{preset}.yaml").read_text(encoding="utf-8")


def commands(preset: str) -> list[str]:
    """The commands in the head of a preset."""
    return re.findall(r"^#   (camseg .*)$", text_of_preset(preset), re.MULTILINE)


def prepare_by_commands(preset: str) -> Manifest:
    """What `camseg run prepare` writes after the other commands of a preset."""
    *before, last = commands(preset)
    assert last == RUN
    for command in before:
        assert main(shlex.split(command)[1:]) == 0, command
    prepare.main()
    return read_manifest(Path("data/prepared"))


def named_labels(manifest: Manifest) -> dict[str, set[str]]:
    return {s.name: {manifest.classes[label] for label in s.labels} for s in manifest.samples}


def without_marks(images: Mapping[str, Sequence[str]]) -> dict[str, set[str]]:
    """The classes of the objects of each image, the difficult ones too."""
    return {name: {thing.removesuffix("?") for thing in objects} for name, objects in images.items()}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A new project as the current folder."""
    write_project(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    return tmp_path


@pytest.mark.parametrize("preset", PRESETS)
def test_the_documents_give_the_same_commands(preset: str) -> None:
    blocks = re.findall(r"```\n(.*?)```", (ROOT / "docs/results.md").read_text(encoding="utf-8"), re.DOTALL)
    (block,) = [block for block in blocks if f"--preset {preset}" in block]
    lines = [line.removeprefix(".venv/bin/") for line in block.splitlines()]
    assert [RUN if line == "make repro" else line for line in lines] == commands(preset)


@pytest.mark.parametrize("preset", PRESETS)
def test_the_steps_are_the_passes_that_their_comments_name(preset: str, project: Path) -> None:
    params = load_params()
    batches = (params.classifier.training.batch_size, params.segmentation.training.batch_size)
    found = re.findall(r"steps: (\d+) +# (\d+) passes of (\d+)", text_of_preset(preset))
    assert len(found) == 2
    for batch, (steps, passes, size) in zip(batches, found, strict=True):
        assert batch == int(size)
        assert round(int(steps) * batch / TRAINING_IMAGES[preset]) == int(passes)
    alone = re.findall(r"training\.steps (\d+)", text_of_preset(preset))  # without SBD, the same passes
    for steps, (_, passes, size) in zip(alone, found, strict=preset == "voc2012"):
        assert round(int(steps) * int(size) / VOC_ALONE) == int(passes)


@pytest.mark.parametrize("sbd", [None, "L", "P"])
def test_voc2012_is_read_as_the_archive_has_it(sbd: SbdKind | None, project: Path) -> None:
    make_voc2012(project / "data/voc", sbd)
    manifest = prepare_by_commands("voc2012")
    train = VOC_TRAIN | (SBD if sbd else {})
    assert manifest.classes == tuple(VOC_CLASSES)
    assert {s.name for s in manifest.split("train")} == train.keys()
    assert {s.name for s in manifest.split("val")} == VOC_VAL.keys()
    assert named_labels(manifest) == without_marks(train | VOC_VAL)
    expected = {name: voc_mask(objects) for name, objects in (VOC_TRAIN | VOC_VAL).items()}
    expected |= {name: sbd_mask(objects, sbd or "L") for name, objects in SBD.items()}
    for sample in manifest.samples:
        mask = load_mask(Path("data/masks/full"), sample)
        assert np.array_equal(mask, expected[sample.name]), sample.name
    assert Path("data/prepared/problems.txt").read_text() == ""


def test_difficult_objects_of_voc2012_may_be_left_out(project: Path) -> None:
    make_voc2012(project / "data/voc")
    assert named_labels(prepare_by_commands("voc2012"))["2007_000063"] == {"dog", "sofa", "cat", "person"}
    change_params(project, {"data.difficult": False})
    prepare.main()
    manifest = read_manifest(Path("data/prepared"))
    assert named_labels(manifest)["2007_000063"] == {"dog", "sofa", "cat"}
    assert named_labels(manifest)["2007_000061"] == {"boat", "dog", "sofa"}


def test_the_list_of_sbd_is_enough_for_more_training_images(project: Path) -> None:
    year = make_voc2012(project / "data/voc")
    (year / "ImageSets/Segmentation/trainaug.txt").write_text("\n".join([*VOC_TRAIN, *SBD]))
    manifest = prepare_by_commands("voc2012")
    assert {s.name for s in manifest.split("train")} == VOC_TRAIN.keys() | SBD.keys()
    assert {s.name for s in manifest.samples if not s.mask} == SBD.keys()
    assert named_labels(manifest) == without_marks(VOC_TRAIN | SBD | VOC_VAL)


def test_coco2014_is_read_as_the_archives_have_it(project: Path) -> None:
    make_coco2014(project / "data/coco")
    manifest = prepare_by_commands("coco2014")
    images = {
        coco_name(split, number): (split, objects)
        for split in ("train", "val")
        for number, objects in enumerate(coco_objects(split))
    }
    assert manifest.classes == COCO_CLASSES
    assert len(manifest.classes) == 80
    assert {s.name: s.split for s in manifest.samples} == {name: split for name, (split, _) in images.items()}
    assert named_labels(manifest) == {
        name: {COCO_CLASSES[thing.category] for thing in objects} for name, (_, objects) in images.items()
    }
    for sample in manifest.samples:
        expected = coco_mask(images[sample.name][1])
        assert np.array_equal(load_mask(Path("data/masks/full"), sample), expected), sample.name
    pixels = {sample.name: manifest.image(sample) for sample in manifest.samples}
    grey = [name for name, image in pixels.items() if (image == image[..., :1]).all()]
    assert grey == [coco_name(*COCO_GREY)]
    problems = Path("data/prepared/problems.txt").read_text()
    assert problems.count("\n") == 2
    assert "crowds: 3 of 5 of 'person'. They are 255 in masks." in problems
    assert "got 4 others: annotations/captions_train2014.json, annotations/captions_val2014.json" in problems


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "images"), [("voc2012", len(VOC_VAL)), ("coco2014", len(coco_objects("val")))]
)
def test_a_preset_runs_to_its_end(preset: str, images: int, project: Path) -> None:
    if preset == "voc2012":
        make_voc2012(project / "data/voc", "L")
    else:
        make_coco2014(project / "data/coco")
    for command in commands(preset):
        if command == RUN:
            change_params(project, SMALL)
        done = run(project, *shlex.split(command))
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    summary = read_json(project / "reports/summary.json")
    assert set(summary["segmentation"]) == {"cam", "cam-round1", "cam-round2", "full"}
    assert len(list((project / "data/predictions/cam-round2").rglob("*.png"))) == images
    assert (project / "reports/index.html").is_file()
