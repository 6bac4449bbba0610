"""CVAT's "Segmentation mask 1.1": a zip of masks in colours, and the label map that names the colours."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.base.files import safe_join, write_text
from pipeline.data.images import IGNORE, Mask, mask_png
from pipeline.errors import UserError
from pipeline.export.items import (
    ExportItem,
    check_line,
    copy_image,
    item_mask,
    label_ids_of,
    label_name,
    progress,
    write_confidence,
)
from pipeline.formats.label_map import format_label_map
from pipeline.formats.palette import voc_colours, voc_palette

BACKGROUND = "background"  # the name that CVAT takes for what is no label


def export_cvat(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `annotations.zip`, `labels.json`, `images/` and `confidence.csv` to `folder`.

    Raises:
        ValueError: a class or a name cannot stand in the format's lists; see also `item_mask`, `copy_image`.
    """
    for name in classes:
        check_line(name, "class", forbidden=":")
        if name == BACKGROUND:
            raise UserError(f"class {name!r}: CVAT keeps this name for what is no class. Rename the class.")
    for item in items:
        check_line(item.name, "name of an image")
    folder.mkdir(parents=True, exist_ok=True)
    seen: set[int] = set()
    with zipfile.ZipFile(folder / "annotations.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for item in progress(items, "cvat"):
            mask = item_mask(item, classes)
            safe_join(folder, item.name)  # names of entries become paths where the zip is unpacked
            _add(archive, f"SegmentationClass/{item.name}.png", mask_png(mask))
            _add(archive, f"SegmentationObject/{item.name}.png", mask_png(numbered(mask)))
            copy_image(item, folder / "images")
            seen |= set(label_ids_of(mask))
        used = [*range(1, len(classes) + 1), *([IGNORE] if IGNORE in seen else [])]
        _add(archive, "labelmap.txt", colour_table(used, classes).encode())
        names = "".join(f"{item.name}\n" for item in items)
        _add(archive, "ImageSets/Segmentation/default.txt", names.encode())
    write_text(folder / "labels.json", label_list(used, classes))
    write_confidence(folder / "confidence.csv", items)


def numbered(mask: Mask) -> Mask:
    """The labels of the mask numbered from 1, uint8 (H, W): one object for each, 0 the background."""
    numbers = np.zeros(256, np.uint8)
    labels = list(label_ids_of(mask))
    numbers[labels] = np.arange(1, len(labels) + 1)
    objects: Mask = numbers[mask]
    return objects


def colour_table(labels: Sequence[int], classes: Sequence[str]) -> str:
    """`name:red,green,blue:parts:actions`, one line per label after the background."""
    names = [BACKGROUND, *(label_name(label, classes) for label in labels)]
    colours = voc_colours()
    return format_label_map(zip(names, (colours[label] for label in (0, *labels)), strict=True))


def label_list(labels: Sequence[int], classes: Sequence[str]) -> str:
    """The labels as CVAT's raw label editor takes them."""
    colours = voc_palette()
    entries = [
        {"name": label_name(label, classes), "color": "#" + colours[label].tobytes().hex(), "attributes": []}
        for label in labels
    ]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file with the date at which zip begins, so that equal masks give equal archives."""
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
