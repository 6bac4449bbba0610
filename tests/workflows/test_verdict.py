"""The verdict on a finished run: what it reads, and what it must not."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import paths
from pipeline.base.files import read_csv, read_json, write_csv, write_json
from pipeline.data.manifest import Manifest, Sample, read_manifest, shown_classes
from pipeline.evaluation.veto import Veto
from pipeline.heatmaps.evidence import Evidence, write_evidence
from pipeline.params import Params, load_params
from pipeline.workflows.mask_comparison import (
    compare_masks,
    heat_cell,
    labelled_samples,
    read_marked_areas,
)
from pipeline.workflows.refinement import MaskChoice
from pipeline.workflows.verdict import find_vetoes, mask_vetoes
from tests.end_to_end.project import ROOT, change_params
from tests.golden.project import CORRECTED, SAMPLES, patch_networks
from tests.golden.whole_run import finished_run, noise
from tests.small_encoders import small_vit


@pytest.fixture
def run(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A copy of a finished run, as the current folder."""
    shutil.copytree(finished_run(tmp_path_factory), tmp_path / "run")
    patch_networks(monkeypatch)
    monkeypatch.chdir(tmp_path / "run")
    return tmp_path / "run"


def found() -> list[Veto]:
    return find_vetoes(read_manifest(paths.PREPARED), load_params())


def sentences() -> str:
    return "\n".join(veto.sentence for veto in found())


@pytest.mark.usefixtures("run")
def test_the_summary_has_the_verdict() -> None:
    summary = json.loads(Path("reports/summary.json").read_text())["verdict"]
    assert summary["level"] == "doubtful"
    assert [veto["sentence"] for veto in summary["vetoes"]] == [veto.sentence for veto in found()]


def noise_in_masks(folder: str) -> Callable[[], None]:
    def spoil() -> None:
        for number, sample in enumerate(SAMPLES):
            image = Image.fromarray(noise(*sample.size, 4, number))
            image.save(f"data/masks/{folder}/{sample.name}.png")

    return spoil


def other_scores() -> None:
    """Scores against ground truth, of everything."""
    for file in (
        *Path("reports/pseudo_masks").glob("*/images.csv"),
        *Path("reports/evaluation").glob("*/*.csv"),
    ):
        rows = read_csv(file)
        for row in rows:
            row |= {key: "0.5" for key in row if key.startswith("miou")}
        write_csv(file, tuple(rows[0]), rows)
    for file in Path("reports/pseudo_masks").glob("*/metrics.json"):
        metrics = read_json(file)
        write_json(file, {key: metrics[key] for key in MaskChoice._fields})  # which are no scores
    for file in (
        *Path("reports/evaluation").glob("*/metrics.json"),
        Path("reports/diagnosis/diagnosis.json"),
    ):
        write_json(file, {})


def no_ground_truth() -> None:
    shutil.rmtree("data/masks/full")
    shutil.rmtree("models/segmentation/full")
    shutil.rmtree("data/predictions/full")


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("spoil", [noise_in_masks("full"), other_scores, no_ground_truth])
def test_no_ground_truth_reaches_the_verdict(spoil: Callable[[], None]) -> None:
    before = found()
    spoil()
    assert before
    assert found() == before


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("refine", ["crf", "none", "colours"])
def test_colours_outline_what_is_narrower_than_a_cell(refine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    veto = Veto("doubtful", "Narrow.", [])
    monkeypatch.setattr("pipeline.workflows.verdict.narrow_objects", lambda *_: [veto])
    file = Path("reports/pseudo_masks/cam/metrics.json")  # what was taken, whatever params.yaml leaves open
    write_json(file, {**read_json(file), "refine": refine})
    assert ("Narrow." in sentences()) == (refine != "colours")


@pytest.mark.usefixtures("run")
def test_noise_in_the_masks_reaches_it() -> None:
    before = sentences()
    noise_in_masks("cam")()
    assert "of what the masks mark that it was trained on" in sentences()
    assert sentences() != before


@pytest.mark.usefixtures("run")
def test_corrected_masks_are_not_looked_at() -> None:
    manifest = read_manifest(paths.PREPARED)
    names = [sample.name for sample in labelled_samples(manifest, 200)]
    assert names == [s.name for s in SAMPLES if s.split == "train" and s.labels and s.name != CORRECTED]
    assert [sample.name for sample in labelled_samples(manifest, 2)] == [names[0], names[-1]]


@pytest.mark.usefixtures("run")
def test_what_masks_mark() -> None:
    manifest, params = read_manifest(paths.PREPARED), load_params()
    samples = labelled_samples(manifest, 200)
    marked = read_marked_areas(manifest, samples, Path("data/masks/cam"), params)
    assert list(marked.names) == [sample.name for sample in samples]
    for index, sample in enumerate(samples):
        mask = np.asarray(Image.open(f"data/masks/cam/{sample.name}.png"))
        for label in range(3):
            assert marked.areas[index, label] == pytest.approx((mask == label + 1).mean())
            assert marked.shown[index, label] == (label in sample.labels)
            assert np.isnan(marked.widths[index, label]) == (marked.areas[index, label] == 0)
    # Stride 8, and heat at 1.5 times 64 pixels: image `a` of 128 pixels has cells of 8 * 128 / 96 pixels.
    assert heat_cell(samples[0], params, 8) == pytest.approx(32 / 3)


@pytest.mark.usefixtures("run")
def test_a_cell_of_a_plain_transformer_is_a_patch() -> None:
    manifest, params = read_manifest(paths.PREPARED), load_params()
    samples, masks = labelled_samples(manifest, 200), Path("data/masks/cam")
    by_stride = read_marked_areas(manifest, samples, masks, params).widths  # 8 pixels
    vit = params.classifier.model_copy(update={"encoder": f"tu-{small_vit.__name__}"})
    by_patch = read_marked_areas(manifest, samples, masks, params.model_copy(update={"classifier": vit}))
    np.testing.assert_allclose(by_patch.widths, by_stride * 8 / 14)


@pytest.mark.usefixtures("run")
def test_masks_that_are_missing_are_left_out() -> None:
    manifest, params = read_manifest(paths.PREPARED), load_params()
    Path("data/masks/cam/b.png").unlink()
    samples = labelled_samples(manifest, 200)
    marked = read_marked_areas(manifest, samples, Path("data/masks/cam"), params)
    assert list(marked.names) == [sample.name for sample in samples if sample.name != "b"]


def lose_labels(params: Params, manifest: Manifest) -> None:
    rows = read_csv(Path("reports/pseudo_masks/cam/images.csv"))
    for row in rows:
        row["lost_labels"] = "disc;square" if row["name"] == "a" else ""
    write_csv(Path("reports/pseudo_masks/cam/images.csv"), tuple(rows[0]), rows)


def test_a_class_name_may_hold_the_separator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = [{"name": name, "lost_labels": "cup;mug" if name == "a" else ""} for name in "abc"]
    write_csv(Path("reports/pseudo_masks/cam/images.csv"), ("name", "lost_labels"), rows)
    samples = [Sample(name, name, "", 8, 8, (0,), "train", False, False) for name in "abc"]
    veto = next(
        mask_vetoes(
            Manifest("", ("cup;mug", "plate"), tuple(samples)), load_params(ROOT / "params.yaml"), "cam"
        )
    )
    assert veto.sentence == "33 % of the image-level labels have no pixel in the cam masks."


def cover(value: int) -> Callable[[Params, Manifest], None]:
    def write(params: Params, manifest: Manifest) -> None:
        for sample in manifest.split("train"):
            Image.fromarray(np.full((sample.height, sample.width), value, np.uint8)).save(
                f"data/masks/cam/{sample.name}.png"
            )

    return write


def say_small(params: Params, manifest: Manifest) -> None:
    cover(1)(params, manifest)
    evidence = Evidence(0.1, 0.08, 0.12, elevation=0.0, recognised=1.0)
    write_evidence([Path("data/heatmaps/cam")], evidence)


def empty_predictions(params: Params, manifest: Manifest) -> None:
    for sample in manifest.split("val"):
        Image.new("L", (sample.width, sample.height)).save(f"data/predictions/cam/{sample.name}.png")


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lose_labels, "33 % of the image-level labels have no pixel in the cam masks"),  # 2 of 6
        (cover(1), "100 % of the masks cover more than 95 % of their image"),
        (say_small, "10 % of images with labels looks unlike images without. The masks cover 100 %"),
        (cover(0), "The cam masks and the gradcampp masks contradict each other: mean IoU 0.00"),
        (cover(0), "The cam masks and the cam-round1 masks contradict each other: mean IoU 0.00"),
        (empty_predictions, "The cam model gives no pixel to 100 % of the labels of images that"),
    ],
)
def test_each_file_is_read(spoil: Callable[[Params, Manifest], None], sentence: str) -> None:
    assert sentence not in sentences()
    spoil(load_params(), read_manifest(paths.PREPARED))
    assert sentence in sentences()


@pytest.mark.usefixtures("run")
@pytest.mark.parametrize("masks", ["gradcampp", "cam-round1"])
def test_the_masks_of_the_leading_model_are_judged(masks: str) -> None:
    change_params(Path(), {"segmentation.supervision": [masks, "cam", "full"]})
    shutil.copytree("models/segmentation/cam", "models/segmentation/gradcampp")
    lose = read_csv(Path(f"reports/pseudo_masks/{masks}/images.csv"))
    for row in lose:
        row["lost_labels"] = "disc"
    write_csv(Path(f"reports/pseudo_masks/{masks}/images.csv"), tuple(lose[0]), lose)
    assert f"have no pixel in the {masks} masks" in sentences()


@pytest.mark.usefixtures("run")
def test_a_run_of_true_masks_alone_has_no_veto_by_its_model() -> None:
    change_params(Path(), {"segmentation.supervision": ["full"], "self_training.rounds": {}})
    empty_predictions(load_params(), read_manifest(paths.PREPARED))
    assert "model" not in sentences()


@pytest.mark.usefixtures("run")
def test_data_without_background_may_cover_everything() -> None:
    cover(1)(load_params(), read_manifest(paths.PREPARED))
    file = Path("data/prepared/manifest.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"background": False}))
    change_params(Path(), {"segmentation.supervision": ["full"], "self_training.rounds": {}})
    assert "of the masks cover more than" not in sentences()


@pytest.mark.usefixtures("run")
def test_open_pixels_are_no_contradiction() -> None:
    manifest = read_manifest(paths.PREPARED)
    samples, folder = labelled_samples(manifest, 200), Path("data/masks/cam")
    cover(255)(load_params(), manifest)
    agreement = compare_masks(manifest, samples, folder, Path("data/masks/gradcampp"))
    assert np.isnan(agreement.mean)
    np.testing.assert_array_equal(shown_classes(manifest, samples).sum(1), [len(s.labels) for s in samples])
