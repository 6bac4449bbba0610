"""Masks drawn from shapes: polygons and run lengths of COCO, brush strokes of Label Studio."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.data.images import IGNORE, Mask
from pipeline.data.sources.identifiers import whole_number
from pipeline.data.sources.records import Shape
from pipeline.formats.coco_rle import OutlineError, Region, draw_polygons, draw_runs
from pipeline.formats.labelstudio_rle import BrushError, draw_brush

MOST_WORK = 2e10  # of the outlines of an image, in pixels: about a minute


def rasterise(shapes: Sequence[Shape], size: tuple[int, int]) -> Mask:
    """Ids uint8 (H, W) of all shapes, in any order: 255 in crowds and where shapes of two classes overlap."""
    mask = np.zeros(size, np.uint8)
    work = 0
    for shape in shapes:
        try:
            region = rasterise_outline(shape.outline, size)
        except (OutlineError, BrushError) as error:
            raise OutlineError(f"{shape.at}: {error}") from error
        work += region.work
        if work > MOST_WORK:
            raise OutlineError(f"expected an image that can be drawn, got {len(shapes)} outlines")
        height, width = region.pixels.shape
        box = mask[region.top : region.top + height, region.left : region.left + width]
        draw_over(box, region.pixels, shape.class_id)
    return mask


def draw_over(mask: Mask, pixels: NDArray[np.bool_], class_id: int) -> None:
    """Draw the pixels of a class, bool (H, W), into the mask: 255 where another class is."""
    overlap = pixels & (mask != 0) & (mask != class_id)
    mask[pixels] = class_id
    mask[overlap] = IGNORE


def rasterise_outline(outline: object, size: tuple[int, int]) -> Region:
    """The pixels of one outline.

    Args:
        outline: polygons [[x, y, ...], ...], a polygon {"shares": [x, y, ...]} in shares of the width and the
            height, run lengths {"size": [H, W], "counts": text or list}, or a brush
            {"format": "rle", "rle": [byte, ...]}.
    """
    match outline:
        case {"format": "rle", "rle": values}:
            return Region(0, 0, draw_brush(values, size), size[0] * size[1])
        case {"size": [height, width], "counts": counts}:
            if (whole_number(height), whole_number(width)) != size:
                raise OutlineError(f"expected an RLE of size {list(size)}, got {[height, width]}")
            return draw_runs(counts, size)
        case {"shares": [*values]}:
            sides = (size[1], size[0])  # x first
            return draw_polygons([[value * sides[i % 2] for i, value in enumerate(values)]], size)
        case [list(), *_] if _are_shares(outline):
            raise OutlineError("expected coordinates in pixels, got shares of the image, in 0..1")
        case [list(), *_]:
            return draw_polygons(outline, size)
    raise OutlineError("expected polygons [[x, y, ...], ...] or an RLE with size and counts, got neither")


def _are_shares(polygons: Sequence[object]) -> bool:
    """Whether all coordinates are in 0..1, and not all of them whole: in pixels, this is less than one."""
    values = [value for polygon in polygons if isinstance(polygon, list) for value in polygon]
    inside = all(isinstance(value, int | float) and 0 <= value <= 1 for value in values)
    return inside and any(value % 1 for value in values)
