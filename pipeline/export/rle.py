"""COCO's compressed run lengths of a binary mask.

Source: pycocotools, common/maskApi.c, `rleEncode` and `rleToString`.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

LOW = 0x1F  # the five bits of a number that one character holds
SIGN = 0x10  # the highest of them: the sign, in the last character of a number
MORE = 0x20  # another character of the number follows
FIRST = 48  # character of the value 0


def encode(binary: NDArray[np.bool_]) -> dict[str, list[int] | str]:
    """`{"size": [H, W], "counts": ...}` of a mask bool (H, W), as COCO's JSON holds it."""
    height, width = binary.shape
    return {"size": [height, width], "counts": compress(run_lengths(binary))}


def run_lengths(binary: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of False, True, False, ... down the columns of a mask bool (H, W).

    The first is of False, so it is 0 where the mask starts with True. They sum to H * W.
    """
    pixels = np.asarray(binary, bool).ravel(order="F")
    changes = np.flatnonzero(np.diff(pixels, prepend=False)).tolist()  # from False before the first pixel
    return [int(run) for run in np.diff([0, *changes, pixels.size])]


def compress(counts: Sequence[int]) -> str:
    """Run lengths as text: from the fourth on, what they differ by from the last one of their colour."""
    numbers = [run - counts[i - 2] if i > 2 else run for i, run in enumerate(counts)]
    return "".join(map(characters, numbers))


def characters(number: int) -> str:
    """A number, five bits per character from the lowest, until only copies of the sign are left."""
    text = ""
    while True:
        low, number = number & LOW, number >> 5
        done = number == (-1 if low & SIGN else 0)
        text += chr((low if done else low | MORE) + FIRST)
        if done:
            return text
