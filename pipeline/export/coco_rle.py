"""Run lengths of COCO: down the columns, zeros first, packed into printable characters."""

import numpy as np
from numpy.typing import NDArray


def run_lengths(region: NDArray[np.bool_]) -> list[int]:
    """Lengths of the runs of bool (H, W), column by column; the first is of zeros and may be 0."""
    flat = region.ravel(order="F")
    starts = np.flatnonzero(np.diff(flat)) + 1
    lengths: list[int] = np.diff(np.concatenate([[0], starts, [flat.size]])).tolist()
    return [0, *lengths] if flat.size and flat[0] else lengths


def compress(lengths: list[int]) -> str:
    """Run lengths as the string that COCO's tools read.

    From the fourth on, what is written is the difference to the run two before: of an outline, neighbouring
    columns have runs of nearly one length. Each number goes in groups of 5 bits, lowest first, the sixth bit
    saying that more follow, and 48 is added to make a printable character.

    Source: rleToString in maskApi.c of the COCO API.
    """
    text = []
    for index, length in enumerate(lengths):
        value, more = length - (lengths[index - 2] if index > 2 else 0), True
        while more:
            group, value = value & 0x1F, value >> 5
            more = value != -1 if group & 0x10 else value != 0  # bit 5 is the sign
            text.append(chr(48 + group + 0x20 * more))
    return "".join(text)


def bounding_box(region: NDArray[np.bool_]) -> list[int]:
    """[column, row, width, height] in pixels of bool (H, W), in COCO's order; zeros where it is empty."""
    if not region.any():
        return [0, 0, 0, 0]
    rows, columns = (np.flatnonzero(region.any(axis=axis)) for axis in (1, 0))
    top, left = int(rows[0]), int(columns[0])
    return [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1]
