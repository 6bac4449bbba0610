"""Masks as a devkit of PASCAL VOC, as `torchvision.datasets.VOCSegmentation` opens it."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.base.files import safe_join, write_lines
from pipeline.data.images import write_mask
from pipeline.data.sources.documents import CLASS_LIST
from pipeline.export.items import ExportItem, check_lines, copy_image, read_masks

YEAR = "VOC2012"
# Readers expect these three lists, empty ones too.
LISTS = {"train": ("train",), "val": ("val",), "trainval": ("train", "val")}


def export_voc(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `VOCdevkit/VOC2012` and `classes.txt` to `folder`.

    Images become JPEGs by name and content. The lists have the order of `items`, and names keep sub-folders.
    """
    root = folder / "VOCdevkit" / YEAR
    check_lines((item.name for item in items), "names of images")
    for item, mask in read_masks(items, classes, "voc"):
        copy_image(item, root / "JPEGImages", jpeg=True)
        write_mask(safe_join(root / "SegmentationClass", f"{item.name}.png"), mask)
    for name, splits in split_lists(items).items():
        names = (item.name for item in items if item.split in splits)
        write_lines(root / "ImageSets" / "Segmentation" / f"{name}.txt", names)
    write_lines(folder / CLASS_LIST, classes)


def split_lists(items: Sequence[ExportItem]) -> dict[str, tuple[str, ...]]:
    """The splits of each list; the list `test` exists only if there are test images."""
    return LISTS | ({"test": ("test",)} if any(item.split == "test" for item in items) else {})
