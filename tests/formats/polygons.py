"""Polygons drawn as COCO's C code describes it, point by point: what pycocotools is held to."""

import numpy as np
from numpy.typing import NDArray

FINE = 5  # points per pixel along a polygon


def draw_polygon(polygon: list[float], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels of one polygon [x, y, x, y, ...], bool (H, W).

    Source: rleFrPoly in common/maskApi.c of cocoapi: the boundary is followed in fifths of a pixel, and each
    column that it crosses changes between outside and inside from that row on.
    """
    x, y = np.trunc(FINE * np.array(polygon, np.float64).reshape(-1, 2) + 0.5).astype(np.int64).T
    height, width = size
    corners = list(zip(x.tolist(), y.tolist(), strict=True))
    edges = zip(corners, [*corners[1:], corners[0]], strict=True)
    at, counts = np.unique(np.concatenate([_crossings(*edge, size) for edge in edges]), return_counts=True)
    changes = np.zeros(height * width + 1, bool)  # column after column
    changes[at[counts % 2 == 1]] = True
    pixels = np.logical_xor.accumulate(changes[:-1])
    return pixels.reshape(width, height).T


def _crossings(start: tuple[int, int], end: tuple[int, int], size: tuple[int, int]) -> NDArray[np.int64]:
    """Where an edge (x, y in fifths) enters another column of pixels: column * height + row, int64 (n,)."""
    height, width = size
    u, v = _follow(start, end)
    moved = np.flatnonzero(u[1:] != u[:-1])
    columns = (np.minimum(u[moved], u[moved + 1]) + 0.5) / FINE - 0.5
    rows = np.ceil(np.clip((np.minimum(v[moved], v[moved + 1]) + 0.5) / FINE - 0.5, 0, height))
    kept = (np.floor(columns) == columns) & (columns >= 0) & (columns <= width - 1)
    result: NDArray[np.int64] = (columns[kept] * height + rows[kept]).astype(np.int64)
    return result


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
