"""Masks as plain palette PNGs, as camseg reads them."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.base.files import safe_join
from pipeline.data.images import write_mask
from pipeline.export.items import ExportItem, read_masks, write_classes, write_confidence


def export_png(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `masks/NAME.png`, `classes.txt` in the order of the ids, and `confidence.csv` to `folder`."""
    for item, mask in read_masks(items, classes, "png"):
        write_mask(safe_join(folder / "masks", f"{item.name}.png"), mask)
    write_classes(folder, classes)
    write_confidence(folder, items)
