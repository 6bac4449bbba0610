"""What all formats share: order, names, checks of masks, copies of images."""

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.images import read_image
from pipeline.data.pixels.reading import ImageReading
from pipeline.errors import UserError
from pipeline.export.items import (
    ExportItem,
    check_lines,
    copy_image,
    item_mask,
    label_ids_of,
    label_name,
    named_ids,
    write_confidence,
)
from tests.export.conftest import CLASSES, save_image

Items = tuple[ExportItem, ...]

BLUE = ImageReading(bands=(3, 2, 1))  # of what is red as it is stored


def test_confidence_is_written_in_order(items: Items, tmp_path: Path) -> None:
    write_confidence(tmp_path, items)
    rows = list(csv.DictReader((tmp_path / "confidence.csv").read_text(encoding="utf-8").splitlines()))
    assert rows[1] == {"name": "b/über all", "split": "val", "confidence": "0.5", "corrected": "0"}
    assert [float(row["confidence"]) for row in rows] == [0.3, 0.5, 0.7, 0.7, 0.9]


def test_masks_of_other_sizes_and_ids_are_named(change: Callable[[np.ndarray], ExportItem]) -> None:
    item = change(np.full((11, 6), 3, np.uint8))
    assert (item_mask(item, CLASSES) == 3).all()
    with pytest.raises(ValueError, match=r"photo\.png: expected ids 0\.\.2 or 255, got 3\. Run `camseg run`"):
        item_mask(item, CLASSES[:2])
    change(np.zeros((6, 11), np.uint8))
    with pytest.raises(ValueError, match="expected 11 x 6 pixels as the data set says, got 6 x 11"):
        item_mask(item, CLASSES)


def test_masks_of_working_copies_get_the_size_of_the_image(items: Items) -> None:
    item = replace(items[0], height=22, width=18, mask_size=(items[0].height, items[0].width))
    np.testing.assert_array_equal(
        item_mask(item, CLASSES), np.repeat(np.repeat(item_mask(items[0], CLASSES), 2, 0), 3, 1)
    )


def test_labels_and_their_names() -> None:
    assert label_ids_of(np.array([[255, 2, 0], [2, 1, 0]], np.uint8)) == (1, 2, 255)
    assert label_name(2, CLASSES) == "été <&>"
    assert label_name(255, CLASSES) == "ignore"
    assert label_name(255, ("ignore", "ignore_")) == "ignore__"
    assert named_ids(CLASSES, {2}) == [1, 2, 3]
    assert named_ids(CLASSES, {0, 255}) == [1, 2, 3, 255]


def test_images_are_copied_as_they_are(items: Items, tmp_path: Path) -> None:
    for item, suffix in zip(items, (".png", ".JPG", ".bmp", ".jpg", ".jpg"), strict=True):
        assert copy_image(item, tmp_path / "out") == item.name + suffix
        copied = (tmp_path / "out" / f"{item.name}{suffix}").read_bytes()
        assert (copied == item.image.read_bytes()) == (item.name != "turned")


@pytest.mark.parametrize("jpeg", [False, True])
def test_the_turned_image_is_written_upright(items: Items, tmp_path: Path, jpeg: bool) -> None:
    item = next(item for item in items if item.name == "turned")
    file = tmp_path / "out" / copy_image(item, tmp_path / "out", jpeg=jpeg)
    again = ExportItem(
        item.name, file, item.masks, item.height, item.width, item.split, (0,), 1, False, item.mask_size
    )
    assert np.abs(read_image(file).astype(int) - read_image(item.image)).mean() < 3
    # Upright as stored: a second copy has nothing to turn.
    assert (tmp_path / "two" / copy_image(again, tmp_path / "two")).read_bytes() == file.read_bytes()


@pytest.mark.parametrize("jpeg", [False, True])
@pytest.mark.parametrize(
    ("suffix", "reading"), [("tif", ImageReading(frame=2)), ("gif", ImageReading(frame=2)), ("png", BLUE)]
)
def test_a_copy_shows_what_the_model_sees(
    items: Items, tmp_path: Path, suffix: str, reading: ImageReading, jpeg: bool
) -> None:
    file = tmp_path / f"stack.{suffix}"
    more = {} if suffix == "png" else {"save_all": True, "append_images": [Image.new("RGB", (6, 11), "blue")]}
    Image.new("RGB", (6, 11), "red").save(file, **more)
    item = replace(items[0], image=file, height=11, width=6, reading=reading)
    copied = tmp_path / "out" / copy_image(item, tmp_path / "out", jpeg=jpeg)
    assert np.abs(read_image(copied).astype(int) - read_image(file, reading=reading)).max() < 3
    assert read_image(copied)[0, 0].tolist()[::2] == pytest.approx([0, 255], abs=2)


def test_images_become_jpegs_by_name_and_content(items: Items, tmp_path: Path) -> None:
    for item in items:
        file = tmp_path / copy_image(item, tmp_path, jpeg=True)
        assert file.suffix == ".jpg"
        assert file.read_bytes()[:3] == b"\xff\xd8\xff"
        assert read_image(file).shape == (item.height, item.width, 3)
        assert np.abs(read_image(file).astype(int) - read_image(item.image)).mean() < 3


def test_an_image_that_has_changed_is_named(items: Items, tmp_path: Path) -> None:
    save_image(items[0].image, np.zeros((6, 11, 3), np.uint8), turned=False)
    with pytest.raises(ValueError, match=r"photo\.png: expected 11 x 6 pixels, got 6 x 11\. It has changed"):
        copy_image(items[0], tmp_path / "out")


def test_names_that_leave_the_folder_are_refused(items: Items, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leaves the folder"):
        copy_image(replace(items[0], name="../outside"), tmp_path / "out")
    assert not list(tmp_path.glob("outside*"))


@pytest.mark.parametrize("text", ["a\nb", " a", "a ", "#a", "", "a\u2028b", "a:b"])
def test_lines_that_would_not_survive_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Rename them, or take the format coco, labelstudio or png"):
        check_lines(["fine", text], "classes", forbidden=":")


def test_other_lines_are_fine() -> None:
    check_lines(["b/über all:2"], "names of images")


def test_all_lines_that_would_not_survive_are_counted_and_ten_of_them_named() -> None:
    names = [name for i in range(12) for name in (f"fine {i}", f"end {i} ")]
    with pytest.raises(UserError) as error:
        check_lines(names, "names of images")
    shown = ", ".join(f"'end {i} '" for i in range(10))
    assert "names of images: expected no line break" in str(error.value)
    assert f"got 12 others: {shown} and 2 more. Rename them" in str(error.value)
