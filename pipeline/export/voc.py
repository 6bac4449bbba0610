"""A devkit of PASCAL VOC, as `torchvision.datasets.VOCSegmentation` opens it."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.base.files import safe_join, write_text
from pipeline.data.images import write_mask
from pipeline.export.items import (
    ExportItem,
    check_line,
    copy_image,
    item_mask,
    progress,
    write_classes,
    write_confidence,
)

YEAR = "VOC2012"
# Readers expect these three even where one is empty.
LISTS = {"train": ("train",), "val": ("val",), "trainval": ("train", "val")}


def export_voc(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `VOCdevkit/VOC2012`, `classes.txt` and `confidence.csv` to `folder`.

    Images become JPEGs by name and content. The lists keep the order of `items`, and names their sub-folders.

    Raises:
        ValueError: a name cannot stand in a list; see also `item_mask`, `copy_image`.
    """
    root = folder / "VOCdevkit" / YEAR
    for item in items:
        check_line(item.name, "name of an image")
    for item in progress(items, "voc"):
        copy_image(item, root / "JPEGImages", jpeg=True)
        write_mask(safe_join(root / "SegmentationClass", f"{item.name}.png"), item_mask(item, classes))
    for name, splits in split_lists(items).items():
        names = [item.name for item in items if item.split in splits]
        write_text(root / "ImageSets" / "Segmentation" / f"{name}.txt", "".join(f"{n}\n" for n in names))
    write_classes(folder / "classes.txt", classes)
    write_confidence(folder / "confidence.csv", items)


def split_lists(items: Sequence[ExportItem]) -> dict[str, tuple[str, ...]]:
    """The splits of each list; `test` only where there are such items."""
    return LISTS | ({"test": ("test",)} if any(item.split == "test" for item in items) else {})
