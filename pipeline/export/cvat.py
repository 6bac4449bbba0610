"""Masks as CVAT's "Segmentation mask 1.1": a zip of coloured masks, and a label map of the colours."""

import json
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.base.files import safe_join, write_text
from pipeline.data.images import Mask, mask_png
from pipeline.errors import UserError
from pipeline.export.items import (
    ExportItem,
    check_lines,
    copy_image,
    label_ids_of,
    label_name,
    named_ids,
    read_masks,
)
from pipeline.formats.label_map import format_label_map
from pipeline.formats.palette import voc_colours, voc_palette

BACKGROUND = "background"  # CVAT's name of the pixels without a label


def export_cvat(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `annotations.zip`, `labels.json` and `images/` to `folder`."""
    _check_names(items, classes)
    folder.mkdir(parents=True, exist_ok=True)
    mask_ids: set[int] = set()
    with zipfile.ZipFile(folder / "annotations.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for item, mask in read_masks(items, classes, "cvat"):
            safe_join(folder, item.name)  # the name becomes a path where the zip is unpacked
            _add(archive, f"SegmentationClass/{item.name}.png", mask_png(mask))
            _add(archive, f"SegmentationObject/{item.name}.png", mask_png(numbered(mask)))
            copy_image(item, folder / "images")
            mask_ids.update(label_ids_of(mask))
        ids = named_ids(classes, mask_ids)
        _add(archive, "labelmap.txt", colour_table(ids, classes).encode())
        names = "".join(f"{item.name}\n" for item in items)
        _add(archive, "ImageSets/Segmentation/default.txt", names.encode())
    write_text(folder / "labels.json", label_list(ids, classes))


def _check_names(items: Sequence[ExportItem], classes: Sequence[str]) -> None:
    check_lines(classes, "classes", forbidden=":")
    if BACKGROUND in classes:
        raise UserError(f"class {BACKGROUND!r}: CVAT keeps this name for what is no class. Rename the class.")
    check_lines((item.name for item in items), "names of images")


def numbered(mask: Mask) -> Mask:
    """The ids of the mask numbered from 1, uint8 (H, W): one object for each id; 0 is the background."""
    numbers, ids = np.zeros(256, np.uint8), list(label_ids_of(mask))
    numbers[ids] = np.arange(1, len(ids) + 1)
    objects: Mask = numbers[mask]
    return objects


def colour_table(ids: Sequence[int], classes: Sequence[str]) -> str:
    """A label map: `name:red,green,blue:parts:actions` for the background and each id, one a line."""
    names = [BACKGROUND, *(label_name(label_id, classes) for label_id in ids)]
    colours = voc_colours()
    return format_label_map(zip(names, (colours[label_id] for label_id in (0, *ids)), strict=True))


def label_list(ids: Sequence[int], classes: Sequence[str]) -> str:
    """The labels as CVAT's raw label editor takes them."""
    colours = voc_palette()
    entries = [
        {"name": label_name(i, classes), "color": "#" + colours[i].tobytes().hex(), "attributes": []}
        for i in ids
    ]
    return json.dumps(entries, indent=2, ensure_ascii=False) + "\n"


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    """Add a file with the earliest date of the zip format, so that equal masks give equal archives."""
    archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
