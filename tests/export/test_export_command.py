"""`camseg export` read back by the tools that the formats are for."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from torchvision.datasets import VOCSegmentation

from pipeline.__main__ import main
from pipeline.data.pictures import read_image, read_mask, write_mask
from pipeline.export.voc import flat_names
from tests.export.conftest import CLASSES, CONFIDENCE, SAMPLES, mask_of
from tests.photos import write_photo

pytestmark = pytest.mark.usefixtures("project")
TRAIN = [sample for sample in SAMPLES if sample.split == "train"]


def test_png_with_the_most_doubtful_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["export", "png", "out"]) == 0
    assert "3 mask(s) of data/masks/cam exported to out" in capsys.readouterr().out
    for sample in TRAIN:
        file = Path(f"out/masks/{sample.name}.png")
        assert np.array_equal(read_mask(file), mask_of(sample))
        with Image.open(file) as image:
            assert image.mode == "P"
            assert image.getpalette()[3:6] == [128, 0, 0]
    assert Path("out/classes.txt").read_text() == "disc\nsquare\n"
    assert Path("out/doubt.csv").read_text() == (
        "name,confidence\nsub/b,0.000000\na,0.333333\nempty,1.000000\n"
    )


@pytest.mark.parametrize(("options", "count"), [(["--masks", "full"], 4), (["--predictions", "full"], 1)])
def test_masks_without_heatmaps_have_no_confidence(options: list[str], count: int) -> None:
    assert main(["export", "png", "out", *options]) == 0
    assert len(list(Path("out/masks").rglob("*.png"))) == count
    assert not Path("out/doubt.csv").exists()
    assert main(["export", "coco", "coco", *options]) == 0
    assert "score" not in Path("coco/annotations.json").read_text()


def test_voc_opens_with_torchvision() -> None:
    assert main(["export", "voc", "out", "--masks", "full"]) == 0
    for image_set, samples in (
        ("train", TRAIN),
        ("val", [SAMPLES[3]]),
        ("trainval", SAMPLES),
    ):
        found = VOCSegmentation("out", year="2012", image_set=image_set)
        assert len(found) == len(samples)
        for (image, mask), sample in zip(found, samples, strict=True):
            assert image.size == (sample.width, sample.height)
            assert np.array_equal(np.asarray(mask), mask_of(sample))
    assert Path("out/classes.txt").read_text() == "disc\nsquare\n"
    assert not Path("out/VOCdevkit/VOC2012/ImageSets/Segmentation/test.txt").exists()


def test_voc_copies_jpegs_and_converts_others() -> None:
    assert main(["export", "voc", "out"]) == 0
    photos = Path("out/VOCdevkit/VOC2012/JPEGImages")
    assert {file.name for file in photos.iterdir()} == {"a.jpg", "empty.jpg", "sub__b.jpg"}
    assert (photos / "a.jpg").read_bytes() == Path("data/raw/images/a.jpg").read_bytes()
    content = io.BytesIO()
    Image.fromarray(read_image(Path("data/raw/images/sub/b.png"))).save(content, "JPEG", quality=95)
    assert (photos / "sub__b.jpg").read_bytes() == content.getvalue()


def test_voc_turns_photos_that_exif_turns() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # stored on its side: 12 x 20 upright is 20 x 12 in the file
    stored = np.zeros((20, 12, 3), np.uint8)
    stored[:10] = 255
    Image.fromarray(stored).save("data/raw/images/a.jpg", exif=exif, quality=95)
    assert main(["export", "voc", "out"]) == 0
    with Image.open("out/VOCdevkit/VOC2012/JPEGImages/a.jpg") as image:
        assert image.size == (20, 12)
        shown = np.asarray(image).mean(2)
    assert shown[:, 12:].min() > 240  # the top of the stored picture comes to the right
    assert shown[:, :8].max() < 15


def test_voc_names_that_become_one_are_listed() -> None:
    with pytest.raises(ValueError, match=r"  x__y: x/y, x__y$"):
        flat_names(["x/y", "x__y", "z"])
    assert flat_names(["x/y/z", "a"]) == {"x/y/z": "x__y__z", "a": "a"}


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # of pycocotools
def test_coco_decodes_to_the_same_pixels() -> None:
    assert main(["export", "coco", "out"]) == 0
    coco = COCO("out/annotations.json")
    assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == list(CLASSES)
    images = coco.loadImgs(coco.getImgIds())
    assert [image["file_name"] for image in images] == [sample.image for sample in TRAIN]
    for image, sample in zip(images, TRAIN, strict=True):
        mask = mask_of(sample)
        assert (image["height"], image["width"]) == mask.shape
        annotations = coco.loadAnns(coco.getAnnIds(image["id"]))
        assert [a["category_id"] for a in annotations] == [label + 1 for label in sample.labels]
        for annotation in annotations:
            pixels = mask == annotation["category_id"]
            assert np.array_equal(coco.annToMask(annotation), pixels)
            assert annotation["area"] == pixels.sum() == 18
            row = 2 + 5 * (annotation["category_id"] - 1)
            assert annotation["bbox"] == [1, row, 6, 3]
            assert annotation["score"] == pytest.approx(CONFIDENCE[sample.name], abs=1e-6)
    raw = json.loads(Path("out/annotations.json").read_text())
    assert [a["id"] for a in raw["annotations"]] == [1, 2, 3]


def test_coco_refuses_ids_of_no_class(capsys: pytest.CaptureFixture[str]) -> None:
    write_mask(Path("data/masks/cam/a.png"), np.full((12, 20), 3, np.uint8))
    assert main(["export", "coco", "out"]) == 1
    assert "data/masks/cam/a.png: expected ids 0..2 or 255, got 3." in capsys.readouterr().err


@pytest.mark.parametrize("target", ["full", "file"])
def test_nothing_is_overwritten(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("full").mkdir()
    Path("full/own.txt").touch()
    Path("file").touch()
    assert main(["export", "png", target]) == 1
    assert f"{target}: expected an empty folder or none" in capsys.readouterr().err
    assert [path.name for path in Path("full").iterdir()] == ["own.txt"]
    Path("empty").mkdir()
    assert main(["export", "png", "empty"]) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--masks", "caam"], "data/masks/caam: expected a folder of masks, got none. There are: cam, full."),
        (["--masks", "../raw"], "'../raw' leaves the folder data/masks"),
        (
            ["--predictions", "cam"],
            "data/predictions/cam: expected a folder of masks, got none. There are: full.",
        ),
        (["--predictions", ""], "expected a folder of masks, got none"),
    ],
)
def test_wrong_names_say_what_there_is(
    options: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["export", "png", "out", *options]) == 1
    assert said in capsys.readouterr().err
    assert not Path("out").exists()


def test_changed_files_stop_the_export(capsys: pytest.CaptureFixture[str]) -> None:
    write_mask(Path("data/masks/cam/a.png"), np.zeros((20, 12), np.uint8))
    assert main(["export", "png", "out"]) == 1
    assert (
        "data/masks/cam/a.png: expected (12, 20) pixels as its photo, got (20, 12)" in capsys.readouterr().err
    )
    write_photo(Path("data/raw/images/a.jpg"), np.zeros((9, 20, 3), np.uint8))
    write_mask(Path("data/masks/cam/a.png"), np.zeros((12, 20), np.uint8))
    assert main(["export", "voc", "voc"]) == 1
    assert "data/raw/images/a.jpg: expected (12, 20) pixels, got (9, 20)" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("data/prepared/manifest.json", "expected the samples, got no file. Run `make repro`"),
        ("reports/pseudo_masks/cam/metrics.json", "expected the threshold of the masks, got no file."),
    ],
)
def test_what_is_missing_is_named(file: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(file).unlink()
    assert main(["export", "png", "out"]) == 1
    assert f"{file}: {said}" in capsys.readouterr().err
