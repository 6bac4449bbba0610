"""Masks drawn from outlines: polygons and run lengths of COCO, strokes of Label Studio's brush.

Everything is checked before memory is taken for it: a file of a few bytes may ask for terabytes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.data.images import IGNORE, Mask
from pipeline.data.sources.rows import Shape
from pipeline.errors import UserError
from pipeline.formats.brush import BrushError, draw_brush

FINE = 5  # points per pixel along a polygon, as pycocotools has it
MOST_TURNS = 200  # lengths of a boundary in sides of the picture; longer ones are no outline
MOST_PIXELS = 2e10  # outlines of a picture times its pixels: about a minute


class OutlineError(UserError):
    """An outline that cannot be drawn; the message says which."""


def draw_shapes(shapes: Sequence[Shape], size: tuple[int, int]) -> Mask:
    """Ids uint8 (H, W) of all shapes: 255 in crowds and where shapes of two classes overlap.

    The order of the shapes does not matter.

    Raises:
        OutlineError: an outline is no polygon or RLE for a picture of `size`.
    """
    count = sum(len(s.outline) if isinstance(s.outline, list) else 1 for s in shapes)
    if count * size[0] * size[1] > MOST_PIXELS:
        raise OutlineError(f"expected a picture that can be drawn, got {count} outlines")
    mask = np.zeros(size, np.uint8)
    for shape in shapes:
        try:
            inside = draw_outline(shape.outline, size)
        except OutlineError as error:
            raise OutlineError(f"{shape.at}: {error}") from error
        other = inside & (mask != 0) & (mask != shape.class_id)
        mask[inside] = shape.class_id
        mask[other] = IGNORE
    return mask


def draw_outline(outline: object, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of one outline, bool (H, W).

    Args:
        outline: polygons [[x, y, ...], ...], run lengths {"size": [H, W], "counts": text or list}, or a brush
            {"format": "rle", "rle": [byte, ...]}.

    Raises:
        OutlineError: it is none of these, is for another size, or holds what cannot be.
    """
    match outline:
        case {"format": "rle", "rle": values}:
            try:
                return draw_brush(values, size)
            except BrushError as error:
                raise OutlineError(str(error)) from error
        case {"size": [int(height), int(width)], "counts": counts}:
            if (height, width) != size:
                raise OutlineError(f"expected an RLE of size {list(size)}, got {[height, width]}")
            return _from_counts(counts if isinstance(counts, list) else read_counts(counts), size)
        case [list(), *_]:
            mask = np.zeros(size, bool)
            for polygon in outline:
                mask |= draw_polygon(polygon, size)
            return mask
    raise OutlineError("expected polygons [[x, y, ...], ...] or an RLE with size and counts, got neither")


def read_counts(text: object) -> list[int]:
    """Run lengths of COCO's compressed text: 5 bits a character, least first.

    From the third on they are differences to the last but one.

    Source: rleFrString in common/maskApi.c of cocoapi.
    """
    if not isinstance(text, str) or not all("0" <= c <= "o" for c in text):
        raise OutlineError("expected counts as a list or as text of COCO's characters, got something else")
    counts: list[int] = []
    value = shift = 0
    for code in (ord(character) - 48 for character in text):
        value |= (code & 0x1F) << shift
        shift += 5
        if shift > 60:
            raise OutlineError("expected run lengths below 2**60, got a longer one")
        if not code & 0x20:
            value -= (1 << shift) if code & 0x10 else 0
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value = shift = 0
    return counts


def draw_polygon(polygon: object, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of one polygon [x, y, x, y, ...], bool (H, W).

    Source: rleFrPoly in common/maskApi.c of cocoapi: the boundary is followed in fifths of a pixel, and each
    column that it crosses changes between outside and inside from that row on.
    """
    x, y = _check_polygon(polygon, size).T
    height, width = size
    corners = list(zip(x.tolist(), y.tolist(), strict=True))
    edges = zip(corners, [*corners[1:], corners[0]], strict=True)
    at, counts = np.unique(np.concatenate([_crossings(*edge, size) for edge in edges]), return_counts=True)
    changes = np.zeros(height * width + 1, bool)  # column after column
    changes[at[counts % 2 == 1]] = True
    inside = np.logical_xor.accumulate(changes[:-1])
    return inside.reshape(width, height).T


def _from_counts(counts: Sequence[object], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Runs of outside and inside in turn, column after column."""
    height, width = size
    # bool is an int in Python.
    if not all(type(count) is int and 0 <= count <= height * width for count in counts):
        raise OutlineError(f"expected run lengths of 0 to {height * width} pixels, got others")
    runs = np.array(counts, np.int64)
    if runs.sum() != height * width:
        raise OutlineError(f"expected run lengths that add up to {height * width}, got {runs.sum()}")
    inside = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return inside.reshape(width, height).T


def _check_polygon(polygon: object, size: tuple[int, int]) -> NDArray[np.int64]:
    """Corners in fifths of a pixel, int64 (n, 2) as x, y."""
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise OutlineError(
            "expected a polygon of at least three corners [x, y, x, y, x, y], got another list"
        )
    side = max(size)
    if not all(type(value) in (int, float) and abs(value) <= 2 * side for value in polygon):  # NaN neither
        got = str(polygon[:6])[:60]
        raise OutlineError(f"expected coordinates in a picture of {size[0]} x {size[1]}, got {got}")
    corners = np.array(polygon, np.float64).reshape(-1, 2)
    length = np.abs(np.diff(corners, axis=0, append=corners[:1])).max(axis=1).sum()
    if length > MOST_TURNS * (side + 10):
        raise OutlineError(f"expected an outline, got a line of {length:.0f} pixels")
    return np.trunc(FINE * corners + 0.5).astype(np.int64)


def _crossings(start: tuple[int, int], end: tuple[int, int], size: tuple[int, int]) -> NDArray[np.int64]:
    """Where an edge (x, y in fifths) enters another column of pixels: column * height + row, int64 (n,)."""
    height, width = size
    u, v = _follow(start, end)
    moved = np.flatnonzero(u[1:] != u[:-1])
    columns = (np.minimum(u[moved], u[moved + 1]) + 0.5) / FINE - 0.5
    rows = np.ceil(np.clip((np.minimum(v[moved], v[moved + 1]) + 0.5) / FINE - 0.5, 0, height))
    kept = (np.floor(columns) == columns) & (columns >= 0) & (columns <= width - 1)
    found: NDArray[np.int64] = (columns[kept] * height + rows[kept]).astype(np.int64)
    return found


def _follow(start: tuple[int, int], end: tuple[int, int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All points of an edge, one for each step along its longer direction."""
    (xs, ys), (xe, ye) = start, end
    dx, dy = abs(xe - xs), abs(ye - ys)
    flip = (dx >= dy and xs > xe) or (dx < dy and ys > ye)
    if flip:
        xs, ys, xe, ye = xe, ye, xs, ys
    steps = np.arange(max(dx, dy) + 1)
    if flip:
        steps = steps[::-1]
    if dx >= dy:
        slope = (ye - ys) / dx if dx else 0.0
        return steps + xs, np.trunc(ys + slope * steps + 0.5).astype(np.int64)
    return np.trunc(xs + (xe - xs) / dy * steps + 0.5).astype(np.int64), steps + ys
