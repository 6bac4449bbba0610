"""Plain palette PNGs, as camseg reads them."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.base.files import safe_join
from pipeline.data.images import write_mask
from pipeline.export.items import ExportItem, item_mask, progress, write_classes, write_confidence


def export_png(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `masks/NAME.png`, `classes.txt` in the order of the ids, and `confidence.csv` to `folder`.

    Raises:
        ValueError: see `item_mask`.
    """
    for item in progress(items, "png"):
        write_mask(safe_join(folder / "masks", f"{item.name}.png"), item_mask(item, classes))
    write_classes(folder / "classes.txt", classes)
    write_confidence(folder / "confidence.csv", items)
