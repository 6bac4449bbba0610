"""YOLO's folder: drawn as its readers draw polygons, it gives the masks back; camseg reads it too."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from ruamel.yaml import YAML

from pipeline.data.mask_store import load_mask
from pipeline.data.sources.parse import parse_source
from pipeline.export.items import ExportItem
from pipeline.export.yolo import export_yolo, mask_lines, region_polygons
from tests.export.conftest import CLASSES
from tests.image_folder import data_params

Items = tuple[ExportItem, ...]


def drawn(lines: list[str], height: int, width: int) -> np.ndarray:
    """The mask, as programs of YOLO draw it: shares times the size, cut to whole numbers, filled."""
    mask = np.zeros((height, width), np.uint8)
    for line in lines:
        label, *shares = line.split(" ")
        points = np.array(shares, float).reshape(-1, 2) * (width, height)
        cv2.fillPoly(mask, [points.astype(np.int32)], int(label) + 1)
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
        found = drawn(lines, item.height, item.width)
        expected = np.where(mask == 255, 0, mask)
        assert (found == expected)[expected > 0].mean() > 0.9  # classes touch: the later one is drawn over


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
    found = drawn(mask_lines(region.astype(np.uint8)), 60, 80) > 0
    assert (found & region).sum() / (found | region).sum() > 0.985


@pytest.mark.parametrize(
    "region",
    [np.ones((1, 1), bool), np.ones((5, 1), bool), np.eye(6, dtype=bool), np.ones((4, 7), bool)],
)
def test_pixels_lines_and_boxes_are_exact(region: np.ndarray) -> None:
    framed = np.pad(region, 2)
    assert (drawn(mask_lines(framed.astype(np.uint8)), *framed.shape) > 0).tolist() == framed.tolist()
    assert all(len(outline) >= 3 for outline in region_polygons(framed))


def test_nothing_and_open_pixels_give_no_line() -> None:
    assert mask_lines(np.zeros((4, 4), np.uint8)) == []
    assert mask_lines(np.full((4, 4), 255, np.uint8)) == []


def test_camseg_reads_it(items: Items, tmp_path: Path) -> None:
    export_yolo(items, CLASSES, tmp_path / "out")
    parsed = parse_source("yolo", tmp_path / "out", data_params(source="yolo"))
    assert not [problem for problem in parsed.problems if problem.fatal]
    assert {record.split for record in parsed.records} == {"train", "val"}
    for item in items:
        (record,) = (r for r in parsed.records if f"{item.split}/{item.name}." in r.image)
        shown = {CLASSES[i - 1] for i in np.unique(load_mask(item.masks, item)) if 0 < i < 255}
        assert set(record.labels) == shown
