"""CVAT's zip, read by a strict reader of the documented layout.

https://docs.cvat.ai/docs/dataset_management/formats/format-smask
"""

import io
import json
import re
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.mask_store import load_mask
from pipeline.export.cvat import export_cvat, numbered
from pipeline.export.items import ExportItem
from tests.export.conftest import CLASSES

Items = tuple[ExportItem, ...]
Colour = tuple[int, int, int]


def read_label_map(text: str) -> dict[Colour, str]:
    """Names by colour; each line is `name:r,g,b:parts:actions`."""
    names: dict[Colour, str] = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        name, colour, parts, actions = line.split(":")
        assert parts == actions == ""
        red, green, blue = map(int, colour.split(","))
        assert (red, green, blue) not in names
        names[red, green, blue] = name
    return names


def colours(content: bytes) -> np.ndarray:
    """A PNG as the colours that a reader without palettes sees, (H, W, 3)."""
    with Image.open(io.BytesIO(content)) as image:
        assert image.format == "PNG"
        return np.asarray(image.convert("RGB"))


def read_zip(file: Path) -> tuple[dict[Colour, str], dict[str, tuple[np.ndarray, np.ndarray]]]:
    """The label map, and class and object masks in colours by name; nothing else may be in the zip."""
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        names = archive.read("ImageSets/Segmentation/default.txt").decode().splitlines()
        expected = {"labelmap.txt", "ImageSets/Segmentation/default.txt"}
        folders = ("SegmentationClass", "SegmentationObject")
        assert set(archive.namelist()) == expected | {f"{f}/{n}.png" for f in folders for n in names}
        masks = {n: [colours(archive.read(f"{f}/{n}.png")) for f in folders] for n in names}
        labels = read_label_map(archive.read("labelmap.txt").decode())
    return labels, {name: (classes, objects) for name, (classes, objects) in masks.items()}


def test_a_reader_of_the_layout_finds_the_same_pixels(items: Items, tmp_path: Path) -> None:
    export_cvat(items, CLASSES, tmp_path / "out")
    labels, masks = read_zip(tmp_path / "out/annotations.zip")
    ids = {"background": 0, "cat": 1, "été <&>": 2, "dog": 3, "ignore": 255}
    assert list(labels.values()) == list(ids)
    assert list(masks) == [item.name for item in items]
    for item in items:
        classes, objects = masks[item.name]
        mask = np.vectorize(lambda *colour: ids[labels[colour]])(*np.moveaxis(classes, 2, 0))
        assert np.array_equal(mask, load_mask(item.masks, item))
        # Each object has one label, each label one object, and the background none.
        numbers = map(tuple, objects.reshape(-1, 3).tolist())
        pairs = set(zip(numbers, mask.ravel().tolist(), strict=True))
        assert len(pairs) == len({o for o, _ in pairs}) == len({i for _, i in pairs})
        assert (objects[mask == 0] == 0).all()
        assert (objects[mask > 0].any(axis=-1)).all()


def test_objects_are_numbered_from_1() -> None:
    mask = np.array([[0, 3, 255], [7, 3, 0]], np.uint8)
    assert numbered(mask).tolist() == [[0, 1, 3], [2, 1, 0]]


def test_labels_of_the_task_and_images_beside_it(items: Items, tmp_path: Path) -> None:
    export_cvat(items, CLASSES, tmp_path / "out")
    labels = json.loads((tmp_path / "out/labels.json").read_text(encoding="utf-8"))
    assert [label["name"] for label in labels] == ["cat", "été <&>", "dog", "ignore"]
    assert all(re.fullmatch("#[0-9a-f]{6}", label["color"]) for label in labels)
    for item in items:
        assert [f.stem for f in (tmp_path / "out/images" / item.name).parent.iterdir() if f.is_file()]


def test_equal_masks_give_equal_archives(items: Items, tmp_path: Path) -> None:
    for name in ("one", "two"):
        export_cvat(items, CLASSES, tmp_path / name)
    one, two = ((tmp_path / name / "annotations.zip").read_bytes() for name in ("one", "two"))
    assert one == two


@pytest.mark.parametrize(
    ("name", "message"),
    [("a:b", "none of ':'"), ("background", "CVAT keeps this name"), ("#1", "no # in front")],
)
def test_classes_that_the_label_map_cannot_name_are_refused(
    items: Items, tmp_path: Path, name: str, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        export_cvat(items, ("cat", name, "dog"), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_no_entry_leaves_the_zip(items: Items, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="leaves the folder"):
        export_cvat([replace(items[0], name="../outside")], CLASSES, tmp_path / "out")
