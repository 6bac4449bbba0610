"""Masks as a devkit of PASCAL VOC, as `torchvision.datasets.VOCSegmentation` opens it."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.base.files import safe_join, write_text
from pipeline.data.images import write_mask
from pipeline.export.items import (
    ExportItem,
    check_line,
    copy_image,
    read_masks,
    write_classes,
    write_confidence,
)

YEAR = "VOC2012"
# Readers expect these three lists, empty ones too.
LISTS = {"train": ("train",), "val": ("val",), "trainval": ("train", "val")}


def export_voc(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `VOCdevkit/VOC2012`, `classes.txt` and `confidence.csv` to `folder`.

    Images become JPEGs by name and content. The lists have the order of `items`, and names keep sub-folders.
    """
    root = folder / "VOCdevkit" / YEAR
    for item in items:
        check_line(item.name, "name of an image")
    for item, mask in read_masks(items, classes, "voc"):
        copy_image(item, root / "JPEGImages", jpeg=True)
        write_mask(safe_join(root / "SegmentationClass", f"{item.name}.png"), mask)
    for name, splits in split_lists(items).items():
        lines = "".join(f"{item.name}\n" for item in items if item.split in splits)
        write_text(root / "ImageSets" / "Segmentation" / f"{name}.txt", lines)
    write_classes(folder, classes)
    write_confidence(folder, items)


def split_lists(items: Sequence[ExportItem]) -> dict[str, tuple[str, ...]]:
    """The splits of each list; the list `test` exists only if there are test images."""
    return LISTS | ({"test": ("test",)} if any(item.split == "test" for item in items) else {})
