"""COCO's JSON, opened and decoded by pycocotools."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as tools
from pycocotools.coco import COCO

from pipeline.data.images import image_size, read_mask
from pipeline.export.coco import categories, export_coco
from pipeline.export.coco_rle import bounding_box, compress, run_lengths
from pipeline.export.items import Item
from tests.export.conftest import CLASSES

# Its arrays do not know numpy 2's `copy` yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning")

Items = tuple[Item, ...]


def test_run_lengths_by_hand() -> None:
    region = np.array([[0, 1, 1], [0, 0, 1]], bool)  # down the columns: 0 0 1 0 1 1
    assert run_lengths(region) == [2, 1, 1, 2]
    assert run_lengths(~region) == [0, 2, 1, 1, 2]
    assert run_lengths(np.zeros((2, 3), bool)) == [6]


def test_compressed_by_hand() -> None:
    # 6 = 0b00110 -> chr(48 + 6); 40 = 0b1_01000: low bits 8, more follow (+32): chr(88) "X", then 1: "1";
    # the fourth is 1 - 40 = -39: low five bits 25, more: chr(48 + 25 + 32) "i"; -39 >> 5 = -2: 30: "N"
    assert compress([6, 40, 3, 1]) == "6X13iN"


def test_bounding_box_by_hand() -> None:
    region = np.zeros((5, 9), bool)
    region[1, 7] = region[3, 2] = True
    assert bounding_box(region) == [2, 1, 6, 3]  # column, row, width, height
    assert bounding_box(np.zeros((5, 9), bool)) == [0, 0, 0, 0]


@given(st.integers(0, 2**32 - 1), st.integers(1, 70), st.integers(1, 70), st.sampled_from([0.02, 0.5, 1]))
def test_against_pycocotools(seed: int, height: int, width: int, share: float) -> None:
    region = np.random.default_rng(seed).random((height, width)) < share
    counts = compress(run_lengths(region))
    theirs = tools.encode(np.asfortranarray(region.astype(np.uint8)))
    assert counts.encode() == theirs["counts"]
    encoded = {"size": [height, width], "counts": counts}
    assert np.array_equal(tools.decode(encoded), region)
    assert tools.area(encoded) == region.sum()
    assert tools.toBbox(encoded).tolist() == bounding_box(region)


def test_long_runs_against_pycocotools() -> None:
    region = np.zeros((1200, 900), bool)
    region[300:, 450:] = True
    region[5, 3] = True
    theirs = tools.encode(np.asfortranarray(region, np.uint8))
    assert compress(run_lengths(region)).encode() == theirs["counts"]


def test_pycocotools_opens_it_and_decodes_the_same_pixels(
    items: Items, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export_coco(items, CLASSES, tmp_path / "out")
    coco = COCO(str(tmp_path / "out/annotations.json"))
    assert [image["id"] for image in coco.dataset["images"]] == [1, 2, 3, 4, 5]
    for number, item in enumerate(items, start=1):
        image = coco.imgs[number]
        assert (image["height"], image["width"]) == (item.height, item.width)
        assert image_size(tmp_path / "out/images" / image["file_name"]) == (item.height, item.width)
        mask = np.zeros((item.height, item.width), np.uint8)
        annotations = coco.imgToAnns[number]
        for annotation in annotations:
            assert annotation["score"] == item.confidence
            assert annotation["iscrowd"] == (annotation["category_id"] == 255)
            mask[coco.annToMask(annotation) > 0] = annotation["category_id"]
        assert np.array_equal(mask, read_mask(item.mask))
        assert len(annotations) == len(set(np.unique(mask)) - {0})
    assert {c["id"]: c["name"] for c in coco.dataset["categories"]} == {
        1: "cat",
        2: "été <&>",
        3: "dog",
        255: "ignore",
    }


def test_255_is_a_category_only_where_pixels_are_open(items: Items, tmp_path: Path) -> None:
    assert [entry["id"] for entry in categories(CLASSES, has_open=False)] == [1, 2, 3]
    sure = [item for item in items if 255 not in read_mask(item.mask)]
    export_coco(sure, CLASSES, tmp_path / "out")
    whole = json.loads((tmp_path / "out/annotations.json").read_text())
    assert len(whole["categories"]) == 3
