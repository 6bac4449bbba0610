"""COCO's JSON, opened and decoded by pycocotools."""

import json
from pathlib import Path

import numpy as np
import pytest
from pycocotools.coco import COCO

from pipeline.data.images import image_size
from pipeline.data.mask_store import load_mask
from pipeline.export.coco import export_coco
from pipeline.export.items import ExportItem
from tests.export.conftest import CLASSES

# Its arrays do not know numpy 2's `copy` yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't:DeprecationWarning")

Items = tuple[ExportItem, ...]


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
        assert np.array_equal(mask, load_mask(item.masks, item))
        assert len(annotations) == len(set(np.unique(mask)) - {0})
    assert {c["id"]: c["name"] for c in coco.dataset["categories"]} == {
        1: "cat",
        2: "été <&>",
        3: "dog",
        255: "ignore",
    }


def test_255_is_a_category_only_where_pixels_are_open(items: Items, tmp_path: Path) -> None:
    closed = [item for item in items if 255 not in load_mask(item.masks, item)]
    export_coco(closed, CLASSES, tmp_path / "out")
    content = json.loads((tmp_path / "out/annotations.json").read_text())
    assert len(content["categories"]) == 3
