"""Masks as a folder of YOLO segmentation: polygons in text files, and data.yaml."""

import io
from collections.abc import Sequence
from functools import reduce
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import DoubleQuotedScalarString

from pipeline.base.files import safe_join, write_lines, write_text
from pipeline.data.images import IGNORE, Mask
from pipeline.export.items import ExportItem, copy_image, label_ids_of, read_masks
from pipeline.formats.outlines import Ring, pixel_outlines

FEWEST = 3  # points of a polygon

NAMED = "train", "val", "test"


def export_yolo(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `images/SPLIT`, `labels/SPLIT` and `data.yaml` to `folder`.

    An image without a class has an empty text file. Pixels of 255 become background: the format knows no open
    pixels.
    """
    for item, mask in read_masks(items, classes, "yolo"):
        file = PurePosixPath(copy_image(item, folder / "images" / item.split))
        labels = safe_join(folder / "labels" / item.split, file.with_suffix(".txt").as_posix())
        write_lines(labels, mask_lines(mask))
    splits = {split: f"images/{split}" for split in NAMED if any(item.split == split for item in items)}
    text = io.StringIO()
    # In quotes: readers of YAML 1.1 take `no` and `on` for false and true.
    names = {number: DoubleQuotedScalarString(name) for number, name in enumerate(classes)}
    YAML().dump({"path": ".", **splits, "names": names}, text)
    write_text(folder / "data.yaml", text.getvalue())


def mask_lines(mask: Mask) -> list[str]:
    """A line for each connected part of each class: its index, then x and y of the points as shares."""
    shares = np.array(mask.shape[::-1])
    return [
        " ".join([str(label_id - 1), *(f"{share:.6f}" for share in ((outline + 0.5) / shares).ravel())])
        for label_id in label_ids_of(mask)
        if label_id != IGNORE
        for outline in region_polygons(mask == label_id)
    ]


def region_polygons(region: NDArray[np.bool_]) -> list[Ring]:
    """The outline of each connected part of a region, through the middles of its outermost pixels.

    Holes join the outline by a seam that is walked twice, since a polygon of this format is a single line.
    """
    lines = [reduce(with_hole, part.holes, part.outer) for part in pixel_outlines(region)]
    return [np.resize(line, (max(FEWEST, len(line)), 2)) for line in lines]


def with_hole(outline: Ring, hole: Ring) -> Ring:
    """The outline, a seam to the nearest point of the hole, around the hole, and back."""
    distances = ((outline[:, None].astype(np.int64) - hole) ** 2).sum(2)
    at, to = np.unravel_index(distances.argmin(), distances.shape)
    return np.concatenate([outline[: at + 1], hole[to:], hole[: to + 1], outline[at:]])
