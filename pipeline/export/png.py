"""Masks as plain palette PNGs, as camseg reads them."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.base.files import safe_join, write_lines
from pipeline.data.images import write_mask
from pipeline.data.sources.documents import CLASS_LIST
from pipeline.export.geotiff import write_geotiff
from pipeline.export.items import ExportItem, read_masks


def export_png(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `masks/NAME.png`, and `classes.txt` in the order of the ids, to `folder`.

    Georeferenced images also get `geotiff/NAME.tif`, if rasterio is installed.
    """
    for item, mask in read_masks(items, classes, "png"):
        write_mask(safe_join(folder / "masks", f"{item.name}.png"), mask)
        write_geotiff(safe_join(folder / "geotiff", f"{item.name}.tif"), mask, item.image)
    write_lines(folder / CLASS_LIST, classes)
