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
from pipeline.formats.outlines import Ring, pixel_outlines, region_parts

NAMED = "train", "val", "test"


def export_yolo(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `images/SPLIT`, `labels/SPLIT` and `data.yaml` to `folder`.

    An image without a class has an empty text file. Pixels of 255 become background: the format knows no open
    pixels.
    """
    for item, mask in read_masks(items, classes, "yolo"):
        file = copy_image(item, folder / "images" / item.split)
        write_lines(safe_join(folder, text_file(f"images/{item.split}/{file}")), mask_lines(mask))
    splits = {split: f"images/{split}" for split in NAMED if any(item.split == split for item in items)}
    text = io.StringIO()
    # In quotes: readers of YAML 1.1 take `no` and `on` for false and true.
    names = {number: DoubleQuotedScalarString(name) for number, name in enumerate(classes)}
    YAML().dump({"path": ".", **splits, "names": names}, text)
    write_text(folder / "data.yaml", text.getvalue())


def text_file(image: str) -> str:
    """Where readers look for the text file of an image: they make `labels` of its last folder `images`."""
    above, _, name = f"/{image}".rpartition("/images/")
    return PurePosixPath(f"{above}/labels/{name}".removeprefix("/")).with_suffix(".txt").as_posix()


def mask_lines(mask: Mask) -> list[str]:
    """A line for each connected part of each class: its index, then x and y of the points as shares."""
    sides = np.array(mask.shape[::-1])
    return [
        " ".join([str(label_id - 1), *(f"{share:.6f}" for share in (polygon / sides).ravel())])
        for label_id in label_ids_of(mask)
        if label_id != IGNORE
        for polygon in region_polygons(mask == label_id)
    ]


def region_polygons(region: NDArray[np.bool_]) -> list[NDArray[np.float64]]:
    """x and y (n, 2), in pixels, of the outline of each connected part of a region bool (H, W).

    It runs a quarter of a pixel within the edges of the region. So all readers fill the same pixels: those
    that take the pixels whose middle is inside, and those that cut coordinates to whole pixels and draw the
    line too. Holes join the outline by a seam that is walked twice, since a polygon is a single line.
    """
    return [
        # In twice the size, the middles of the outermost pixels lie there.
        (reduce(with_hole, sorted(outline.holes, key=_left), outline.outer) + 0.5) / 2 + (left, top)
        for part, left, top in region_parts(region, corners=True)
        for outline in pixel_outlines(part.repeat(2, 0).repeat(2, 1))
    ]


def with_hole(outline: Ring, hole: Ring) -> Ring:
    """The outline, a seam along a row to the leftmost point of the hole, around the hole, and back.

    The seam stays inside if all holes that begin further left are part of the outline.
    """
    to = int(hole[:, 0].argmin())
    at, column = _left_of(outline, *hole[to].tolist())
    met = np.array([[column, hole[to, 1]]], np.int32)
    return np.concatenate([outline[: at + 1], met, hole[to:], hole[: to + 1], met, outline[at + 1 :]])


def _left(hole: Ring) -> int:
    return int(hole[:, 0].min())


def _left_of(outline: Ring, column: int, row: int) -> tuple[int, int]:
    """The line of an outline that is met first on the way to the left, and the column where it is met.

    Lines run along rows and columns, or as diagonals. A line has the index of its first point.
    """
    start, end = outline, np.roll(outline, -1, axis=0)
    low, high, (across, down) = np.minimum(start, end), np.maximum(start, end), np.sign(end - start).T
    met = np.where(down, start[:, 0] + (row - start[:, 1]) * across * down, np.minimum(high[:, 0], column))
    spans = (low[:, 1] <= row) & (row <= high[:, 1]) & (low[:, 0] <= column) & (met <= column)
    at = int(np.where(spans, met, -1).argmax())
    return at, int(met[at])
