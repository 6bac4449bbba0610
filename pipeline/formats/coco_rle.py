"""COCO's outlines: run lengths of a region (read and written) and polygons (read).

Everything is checked before pycocotools sees it: a file of a few bytes may ask for terabytes, and the C code
reads out of bounds where run lengths are malformed.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as cocotools

from pipeline.errors import UserError

STEPS = 50  # pixels that take as long to lay out as a pixel's length of a boundary takes to follow
MOST_TURNS = 200  # lengths of a boundary in sides of the image; longer ones are no outline


@dataclass(frozen=True)
class Region:
    """The pixels of an outline in its bounding box, and where the box lies in the image."""

    top: int  # row of the image
    left: int  # column
    pixels: NDArray[np.bool_]  # (h, w); empty if the outline holds no pixel
    work: int  # what it took to draw, in pixels


class OutlineError(UserError):
    """An outline that cannot be drawn; the message says why."""


def encode_runs(region: NDArray[np.bool_]) -> dict[str, Any]:
    """`{"size": [H, W], "counts": text}` of bool (H, W), as it stands in COCO's JSON."""
    rle = cocotools.encode(np.asfortranarray(region, np.uint8))
    return {"size": list(region.shape), "counts": rle["counts"].decode()}


def bounding_box(rle: dict[str, Any]) -> list[int]:
    """[column, row, width, height] in pixels of what `encode_runs` returns; zeros where it is empty."""
    return [int(value) for value in cocotools.toBbox(rle)]


def draw_runs(counts: object, size: tuple[int, int]) -> Region:
    """The pixels of runs of outside and inside in turn, column after column, of an image of size (H, W).

    Args:
        counts: run lengths as a list, or as COCO's compressed text.
    """
    height, width = size
    lengths = counts if isinstance(counts, list) else read_counts(counts)
    # bool is an int in Python.
    if not all(type(length) is int and 0 <= length <= height * width for length in lengths):
        raise OutlineError(f"expected run lengths of 0 to {height * width} pixels, got others")
    runs = np.array(lengths, np.int64)
    if runs.sum() != height * width:
        raise OutlineError(f"expected run lengths that add up to {height * width}, got {runs.sum()}")
    return _region_of_runs(runs, height)


def _region_of_runs(runs: NDArray[np.int64], height: int) -> Region:
    """The region of valid runs. Only the columns that it covers are laid out."""
    inside = 2 * np.flatnonzero(runs[1::2]) + 1
    if not inside.size:
        return Region(0, 0, np.zeros((0, 0), bool), runs.size)
    first, last = inside[0], inside[-1]
    start = int(runs[:first].sum())
    end = start + int(runs[first : last + 1].sum())
    left, right = start // height, -(-end // height)
    lengths = np.concatenate([[start - left * height], runs[first : last + 1], [right * height - end]])
    columns = np.repeat(np.arange(lengths.size) % 2 == 1, lengths).reshape(right - left, height)
    rows = np.flatnonzero(columns.any(axis=0))
    top, bottom = int(rows[0]), int(rows[-1]) + 1
    return Region(top, left, columns[:, top:bottom].T, columns.size + runs.size)


def read_counts(text: object) -> list[int]:
    """Run lengths of COCO's compressed text: 5 bits a character, least first.

    From the third on, a number is the difference to the last but one. The reader of pycocotools runs past the
    end of a text that is cut off.

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


def draw_polygons(polygons: Sequence[object], size: tuple[int, int]) -> Region:
    """The pixels of an image of size (H, W) that are in at least one of the polygons [x, y, x, y, ...].

    Of several polygons, those of fewer than three corners hold no pixel.
    """
    large = [polygon for polygon in polygons if not isinstance(polygon, list) or len(polygon) >= 6]
    steps = sum(_check_polygon(polygon, size) for polygon in large)
    if not large:
        raise OutlineError("expected a polygon of three corners or more, got none")
    union = cocotools.merge(cocotools.frPyObjects(large, *size))
    # Not by cocotools.decode, which lays out the whole image.
    region = _region_of_runs(np.array(read_counts(union["counts"].decode()), np.int64), size[0])
    return replace(region, work=region.work + int(steps) * STEPS)


def _check_polygon(polygon: object, size: tuple[int, int]) -> float:
    """The length of a polygon, in pixels."""
    if not isinstance(polygon, list) or len(polygon) % 2:
        raise OutlineError("expected a polygon of three corners or more [x, y, x, y, x, y], got another list")
    side = max(size)
    if not all(type(value) in (int, float) and abs(value) <= 2 * side for value in polygon):  # NaN neither
        got = str(polygon[:6])[:60]
        raise OutlineError(f"expected coordinates in an image of {size[0]} x {size[1]}, got {got}")
    corners = np.array(polygon, np.float64).reshape(-1, 2)
    length = np.abs(np.diff(corners, axis=0, append=corners[:1])).max(axis=1).sum()
    if length > MOST_TURNS * (side + 10):
        raise OutlineError(f"expected an outline, got a line of {length:.0f} pixels")
    return float(length)
