"""COCO's outlines: run lengths of a region (read and written) and polygons (read).

Everything is checked before pycocotools sees it: a file of a few bytes may ask for terabytes, and the C code
reads out of bounds where run lengths are malformed.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as cocotools

from pipeline.errors import UserError

MOST_TURNS = 200  # lengths of a boundary in sides of the image; longer ones are no outline


class OutlineError(UserError):
    """An outline that cannot be drawn; the message says why."""


def encode_runs(region: NDArray[np.bool_]) -> dict[str, Any]:
    """`{"size": [H, W], "counts": text}` of bool (H, W), as it stands in COCO's JSON."""
    rle = cocotools.encode(np.asfortranarray(region, np.uint8))
    return {"size": list(region.shape), "counts": rle["counts"].decode()}


def bounding_box(rle: dict[str, Any]) -> list[int]:
    """[column, row, width, height] in pixels of what `encode_runs` returns; zeros where it is empty."""
    return [int(value) for value in cocotools.toBbox(rle)]


def decode_runs(counts: object, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels, bool (H, W), of runs of outside and inside in turn, column after column.

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
    pixels = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    return pixels.reshape(width, height).T


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


def draw_polygons(polygons: Sequence[object], size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels, bool (H, W), that are in at least one of the polygons [x, y, x, y, ...]."""
    for polygon in polygons:
        _check_polygon(polygon, size)
    union = cocotools.merge(cocotools.frPyObjects(list(polygons), *size))
    # Not by cocotools.decode, which warns about its own use of numpy.
    return decode_runs(union["counts"].decode(), size)


def _check_polygon(polygon: object, size: tuple[int, int]) -> None:
    if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
        raise OutlineError("expected a polygon of three corners or more [x, y, x, y, x, y], got another list")
    side = max(size)
    if not all(type(value) in (int, float) and abs(value) <= 2 * side for value in polygon):  # NaN neither
        got = str(polygon[:6])[:60]
        raise OutlineError(f"expected coordinates in an image of {size[0]} x {size[1]}, got {got}")
    corners = np.array(polygon, np.float64).reshape(-1, 2)
    length = np.abs(np.diff(corners, axis=0, append=corners[:1])).max(axis=1).sum()
    if length > MOST_TURNS * (side + 10):
        raise OutlineError(f"expected an outline, got a line of {length:.0f} pixels")
