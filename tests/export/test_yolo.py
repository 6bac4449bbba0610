"""YOLO's folder: drawn as its readers draw polygons, it gives the masks back; camseg reads it too."""

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as cocotools
from ruamel.yaml import YAML

from pipeline.data.images import write_mask
from pipeline.data.mask_store import load_mask
from pipeline.data.rasterise import rasterise
from pipeline.data.sources.parse import parse_source
from pipeline.export.items import ExportItem, item_mask, label_ids_of
from pipeline.export.yolo import export_yolo, mask_lines, region_polygons
from tests.export.conftest import CLASSES
from tests.image_folder import data_params

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning")

Items = tuple[ExportItem, ...]


def drawn(lines: list[str], height: int, width: int) -> np.ndarray:
    """The mask, as programs of YOLO draw it: shares times the size, cut to whole numbers, filled."""
    mask = np.zeros((height, width), np.uint8)
    for line in lines:
        label, *shares = line.split(" ")
        points = np.array(shares, float).reshape(-1, 2) * (width, height)
        cv2.fillPoly(mask, [points.astype(np.int32)], int(label) + 1)
    return mask


def filled(lines: list[str], height: int, width: int) -> np.ndarray:
    """The mask, as programs of COCO draw it: the pixels whose middle is inside."""
    mask = np.zeros((height, width), np.uint8)
    for line in lines:
        label, *shares = line.split(" ")
        points = np.array(shares, float).reshape(-1, 2) * (width, height)
        (runs,) = cocotools.frPyObjects([points.ravel().tolist()], height, width)
        mask[cocotools.decode(runs) > 0] = int(label) + 1
    return mask


def test_the_folder_gives_the_masks_back(items: Items, tmp_path: Path) -> None:
    export_yolo(items, CLASSES, tmp_path / "out")
    content = YAML(typ="safe").load((tmp_path / "out/data.yaml").read_text())
    assert content == {
        "path": ".", "train": "images/train", "val": "images/val", "names": dict(enumerate(CLASSES))
    }  # fmt: skip
    for item in items:
        (image,) = (tmp_path / "out/images" / item.split).glob(f"{item.name}.*")
        lines = (tmp_path / "out/labels" / item.split / f"{item.name}.txt").read_text().splitlines()
        assert image.exists()
        mask = load_mask(item.masks, item)
        expected = np.where(mask == 255, 0, mask)
        np.testing.assert_array_equal(drawn(lines, item.height, item.width), expected)
        np.testing.assert_array_equal(filled(lines, item.height, item.width), expected)


def test_no_reader_takes_a_name_for_something_else(items: Items, tmp_path: Path) -> None:
    classes = ("no", "1e3", "a: b #c")
    export_yolo(items, classes, tmp_path / "out")
    for version in ((1, 1), (1, 2)):
        yaml = YAML(typ="safe", pure=True)
        yaml.version = version
        content = yaml.load((tmp_path / "out/data.yaml").read_text())
        assert content["names"] == dict(enumerate(classes))


@pytest.mark.parametrize("seed", range(6))
def test_parts_of_one_class_with_holes_come_back(seed: int) -> None:
    noise = np.random.default_rng(seed).random((60, 80)).astype(np.float32)
    region = cv2.GaussianBlur(noise, (0, 0), 4) > np.quantile(cv2.GaussianBlur(noise, (0, 0), 4), 0.4)
    assert cv2.connectedComponents((~region).astype(np.uint8))[0] > 2, "the case has holes"
    lines = mask_lines(region.astype(np.uint8))
    np.testing.assert_array_equal(drawn(lines, 60, 80), region)
    np.testing.assert_array_equal(filled(lines, 60, 80), region)


@settings(deadline=None, max_examples=60)
@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=12), elements=st.integers(0, 2)))
def test_any_mask_comes_back_at_its_size_and_enlarged(mask: np.ndarray) -> None:
    lines, (height, width) = mask_lines(mask), mask.shape
    np.testing.assert_array_equal(drawn(lines, height, width), mask)
    np.testing.assert_array_equal(filled(lines, height, width), mask)
    np.testing.assert_array_equal(drawn(lines, 3 * height, 3 * width), mask.repeat(3, 0).repeat(3, 1))


@pytest.mark.parametrize(
    "region",
    [np.ones((1, 1), bool), np.ones((5, 1), bool), np.eye(6, dtype=bool), np.ones((4, 7), bool)],
)
def test_pixels_lines_and_boxes_are_exact(region: np.ndarray) -> None:
    for mask in (region.astype(np.uint8), np.pad(region, 2).astype(np.uint8)):
        np.testing.assert_array_equal(drawn(mask_lines(mask), *mask.shape), mask)
        np.testing.assert_array_equal(filled(mask_lines(mask), *mask.shape), mask)
    (outline,) = region_polygons(np.ones((1, 1), bool))
    assert sorted(outline.tolist()) == [[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]]


def test_nothing_and_open_pixels_give_no_line() -> None:
    assert mask_lines(np.zeros((4, 4), np.uint8)) == []
    assert mask_lines(np.full((4, 4), 255, np.uint8)) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a/photo", "labels/train/a/photo.txt"),
        ("images/photo", "images/train/labels/photo.txt"),
        ("a/images/b/photo.v2.", "images/train/a/labels/b/photo.v2..txt"),
        ("labels/photo", "labels/train/labels/photo.txt"),
    ],
)
def test_the_text_file_lies_where_readers_look(items: Items, tmp_path: Path, name: str, text: str) -> None:
    made = items[0]
    write_mask(made.masks / f"{name}.png", item_mask(made, CLASSES))
    export_yolo([replace(made, name=name, split="train")], CLASSES, tmp_path / "out")
    (image,) = (file for file in (tmp_path / "out/images").rglob("*.png"))
    # As Ultralytics does: the last `/images/` of the path becomes `/labels/`.
    looked_for = "/labels/".join(str(image).rsplit("/images/", 1)).rsplit(".", 1)[0] + ".txt"
    assert Path(looked_for) == tmp_path / "out" / text
    assert Path(looked_for).read_text() == "".join(
        f"{line}\n" for line in mask_lines(item_mask(made, CLASSES))
    )


@pytest.mark.parametrize("name", ["classes", "a/classes", "images/obj.names", "images/x"])
def test_camseg_reads_images_that_are_called_like_something_else(
    items: Items, tmp_path: Path, name: str
) -> None:
    made = items[0]
    write_mask(made.masks / f"{name}.png", item_mask(made, CLASSES))
    export_yolo([replace(made, name=name, split="train"), *items[1:]], CLASSES, tmp_path / "out")
    parsed = parse_source("yolo", tmp_path / "out", data_params(source="yolo"))
    assert not parsed.problems
    (record,) = (r for r in parsed.records if r.name == f"images/train/{name}")
    assert set(record.labels) == {CLASSES[i - 1] for i in label_ids_of(item_mask(made, CLASSES)) if i < 255}


def test_camseg_reads_it(items: Items, tmp_path: Path) -> None:
    export_yolo(items, CLASSES, tmp_path / "out")
    parsed = parse_source("yolo", tmp_path / "out", data_params(source="yolo"))
    assert not [problem for problem in parsed.problems if problem.fatal]
    assert {record.split for record in parsed.records} == {"train", "val"}
    for item in items:
        (record,) = (r for r in parsed.records if f"{item.split}/{item.name}." in r.image)
        shown = {CLASSES[i - 1] for i in np.unique(load_mask(item.masks, item)) if 0 < i < 255}
        assert set(record.labels) == shown
        mask = load_mask(item.masks, item)
        drawn_by_camseg = rasterise(record.mask, mask.shape)
        names = [*parsed.names, *CLASSES]
        ids = np.array([0, *(CLASSES.index(name) + 1 for name in names)], np.uint8)
        np.testing.assert_array_equal(ids[drawn_by_camseg], np.where(mask == 255, 0, mask))
