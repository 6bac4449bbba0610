"""Masks drawn from shapes: polygons and run lengths of COCO, brush strokes of Label Studio."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.data.images import IGNORE, Mask
from pipeline.data.sources.records import Shape
from pipeline.formats.coco_rle import OutlineError, decode_runs, draw_polygons
from pipeline.formats.labelstudio_rle import BrushError, draw_brush

MOST_PIXELS = 2e10  # outlines of an image times its pixels: about a minute


def rasterise(shapes: Sequence[Shape], size: tuple[int, int]) -> Mask:
    """Ids uint8 (H, W) of all shapes, in any order: 255 in crowds and where shapes of two classes overlap."""
    count = sum(len(s.outline) if isinstance(s.outline, list) else 1 for s in shapes)
    if count * size[0] * size[1] > MOST_PIXELS:
        raise OutlineError(f"expected an image that can be drawn, got {count} outlines")
    mask = np.zeros(size, np.uint8)
    for shape in shapes:
        try:
            region = rasterise_outline(shape.outline, size)
        except (OutlineError, BrushError) as error:
            raise OutlineError(f"{shape.at}: {error}") from error
        overlap = region & (mask != 0) & (mask != shape.class_id)
        mask[region] = shape.class_id
        mask[overlap] = IGNORE
    return mask


def rasterise_outline(outline: object, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of one outline, bool (H, W).

    Args:
        outline: polygons [[x, y, ...], ...], run lengths {"size": [H, W], "counts": text or list}, or a brush
            {"format": "rle", "rle": [byte, ...]}.
    """
    match outline:
        case {"format": "rle", "rle": values}:
            return draw_brush(values, size)
        case {"size": [int(height), int(width)], "counts": counts}:
            if (height, width) != size:
                raise OutlineError(f"expected an RLE of size {list(size)}, got {[height, width]}")
            return decode_runs(counts, size)
        case [list(), *_]:
            return draw_polygons(outline, size)
    raise OutlineError("expected polygons [[x, y, ...], ...] or an RLE with size and counts, got neither")
