"""Run lengths of Label Studio's brush: bits, for the four channels of each pixel."""

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError

CHANNELS = 4  # red, green, blue, opacity: the mask stands in each of them
WORD = 8  # bits of a value
SIZES = (3, 4, 8, 16)  # bits of a run's length; the header can say no more than 16
LONGEST = 1 << SIZES[-1]  # values in one run
MOST = 2**32 - 1  # values: the header counts them in 32 bits


def encode_brush(region: NDArray[np.bool_]) -> list[int]:
    """bool (H, W) -> bytes: 255 in all four channels where it is true, 0 elsewhere, row by row.

    A header (number of values in 32 bits, word size - 1 in 5, the four sizes - 1 in 4 each), then for each
    run a 1, which of the sizes in 2 bits, length - 1 in that many, and the value. Zeros fill the last byte.

    Raises:
        ValueError: the picture has more values than the header can count.

    Source: rle-pack of thi.ng/umbrella, which Label Studio uses.
    """
    if region.size * CHANNELS > MOST:
        raise UserError(f"Expected at most {MOST // CHANNELS} pixels, got {region.size}: use another format")
    header = f"{region.size * CHANNELS:032b}{WORD - 1:05b}" + "".join(f"{size - 1:04b}" for size in SIZES)
    flat = region.ravel()
    edges = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1, [flat.size]])
    runs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    bits = header + "".join(_run((end - start) * CHANNELS, bool(flat[start])) for start, end in runs if end)
    whole = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return list(int(whole, 2).to_bytes(len(whole) // 8, "big"))


def _run(length: int, painted: bool) -> str:
    """The bits of one run; a long one is cut."""
    value = "1" * WORD if painted else "0" * WORD
    whole, rest = divmod(length, LONGEST)
    return _part(LONGEST, value) * whole + (_part(rest, value) if rest else "")


def _part(length: int, value: str) -> str:
    index = next(i for i, size in enumerate(SIZES) if length <= 1 << size)
    return f"1{index:02b}{length - 1:0{SIZES[index]}b}{value}"
