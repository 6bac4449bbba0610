"""The outlines of a region, for all formats: through the middles of pixels, or along their edges."""

from collections.abc import Iterator
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Ring = NDArray[np.int32]  # (n, 2): column and row; the last point is joined to the first


class TracedPart(NamedTuple):
    """A part of a region."""

    outer: Ring
    holes: list[Ring]


def pixel_outlines(region: NDArray[np.bool_]) -> list[TracedPart]:
    """The parts of a region bool (H, W) whose pixels touch, corners included.

    Their lines run through the middles of the outermost pixels; that of a hole, of the pixels around.
    """
    found, tree = cv2.findContours(region.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    outlines: dict[int, TracedPart] = {}
    for number in sorted(range(len(found)), key=lambda i: tree[0][i][3] >= 0):  # holes last
        line, parent = np.asarray(found[number][:, 0], np.int32), int(tree[0][number][3])
        if parent < 0:
            outlines[number] = TracedPart(line, [])
        else:
            outlines[parent].holes.append(line)
    return list(outlines.values())


def edge_outlines(region: NDArray[np.bool_]) -> list[TracedPart]:
    """The parts of a region bool (H, W) whose pixels share an edge: lines along the edges of its pixels.

    Point (0, 0) is the top left corner of the first pixel. No line crosses or touches itself, and the area
    within the lines is that of the pixels.
    """
    parts = region_parts(region, corners=False)
    return [outline for part, left, top in parts for outline in _edges(part, left, top)]


def region_parts(region: NDArray[np.bool_], *, corners: bool) -> Iterator[tuple[NDArray[np.bool_], int, int]]:
    """Each connected part of a region in its bounding box, and the column and row of the box.

    Args:
        corners: pixels that touch at a corner are connected too.
    """
    connectivity = 8 if corners else 4
    count, parts, boxes, _ = cv2.connectedComponentsWithStats(
        region.astype(np.uint8), connectivity=connectivity
    )
    for number in range(1, count):
        left, top, width, height = boxes[number, :4].tolist()
        yield parts[top : top + height, left : left + width] == number, left, top


def _edges(part: NDArray[np.bool_], left: int, top: int) -> Iterator[TracedPart]:
    # In twice the size, a line through the middles passes each corner of a pixel within half a pixel of it.
    for outline in pixel_outlines(part.repeat(2, 0).repeat(2, 1)):
        rings = [_corners(line) + np.array([left, top], np.int32) for line in (outline.outer, *outline.holes)]
        yield TracedPart(rings[0], rings[1:])


def _corners(line: Ring) -> Ring:
    """The corners of pixels that a line in twice the size passes, each once in a row."""
    corners = (line + 1) // 2
    return np.asarray(corners[(corners != np.roll(corners, 1, axis=0)).any(axis=1)], np.int32)
