"""The devkit, opened by torchvision."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import VOCSegmentation

from pipeline.data.images import read_image
from pipeline.data.mask_store import load_mask
from pipeline.export.items import ExportItem
from pipeline.export.voc import export_voc
from tests.export.conftest import CLASSES

Items = tuple[ExportItem, ...]


@pytest.mark.parametrize(
    ("list_", "splits"), [("train", ("train",)), ("val", ("val",)), ("trainval", ("train", "val"))]
)
def test_torchvision_opens_it(items: Items, tmp_path: Path, list_: str, splits: tuple[str, ...]) -> None:
    export_voc(items, CLASSES, tmp_path / "out")
    dataset = VOCSegmentation(tmp_path / "out", year="2012", image_set=list_)
    expected = [item for item in items if item.split in splits]
    assert len(dataset) == len(expected)
    for (image, mask), item in zip(dataset, expected, strict=True):
        assert np.array_equal(np.asarray(mask), load_mask(item.masks, item))
        assert np.abs(np.asarray(image).astype(int) - read_image(item.image)).mean() < 3


def test_empty_lists_are_there_and_test_only_where_it_is_used(items: Items, tmp_path: Path) -> None:
    lists = tmp_path / "out/VOCdevkit/VOC2012/ImageSets/Segmentation"
    export_voc([replace(items[0], split="test")], CLASSES, tmp_path / "out")
    assert {file.name: file.read_text() for file in lists.iterdir()} == {
        "train.txt": "",
        "val.txt": "",
        "trainval.txt": "",
        "test.txt": "b/photo\n",
    }


def test_names_that_no_list_holds_are_refused_at_once(items: Items, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"names of images: .* got 1 others: 'end '"):
        export_voc([items[0], replace(items[1], name="end ")], CLASSES, tmp_path / "out")
    assert not (tmp_path / "out").exists()
