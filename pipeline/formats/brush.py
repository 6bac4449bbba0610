"""Masks drawn from the run lengths of Label Studio's brush: bits, for the four channels of each pixel."""

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError

CHANNELS = 4  # red, green, blue, opacity: the last one is the mask
WORD = 8  # bits of a value
HEADER = 32 + 5 + 4 * 4  # bits: number of values, word size - 1, the four sizes of lengths - 1
HALF = 128  # of opacity: the edge of a stroke is blended


class BrushError(UserError):
    """Run lengths that cannot be drawn; the message says why."""


def draw_brush(values: object, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels, bool (H, W), that are at least half opaque in bytes [0..255, ...] of the brush.

    After the header each run has a bit that says whether its values are equal, which of the four sizes its
    length - 1 has in 2 bits, that length, and the value, or all of them.

    Raises:
        BrushError: they are no such bytes, end too early, or are for a picture of another size.

    Source: rle-pack of thi.ng/umbrella, which Label Studio uses.
    """
    count = size[0] * size[1] * CHANNELS
    bits = _bits(values, count)
    found, word = _number(bits, 0, 32), _number(bits, 32, 5) + 1
    if (found, word) != (count, WORD):
        raise BrushError(
            f"expected {count} values of {WORD} bits for {size[0]} x {size[1]} pixels, got {found} of {word}"
        )
    sizes = [_number(bits, start, 4) + 1 for start in range(37, HEADER, 4)]
    pixels = np.frombuffer(_unpack(bits, sizes, count), np.uint8)
    return pixels.reshape(*size, CHANNELS)[:, :, -1] >= HALF


def _unpack(bits: str, sizes: list[int], count: int) -> bytes:
    """All values, of which there have to be `count`."""
    parts: list[bytes] = []
    at, done = HEADER, 0
    while done < count:
        equal, width = _number(bits, at, 1), sizes[_number(bits, at + 1, 2)]
        length = _number(bits, at + 3, width) + 1
        at += 3 + width
        given = 1 if equal else length
        value = _number(bits, at, given * WORD).to_bytes(given, "big")
        parts.append(value * length if equal else value)
        at += given * WORD
        done += length
    if done > count:
        raise BrushError(f"expected {count} values, got runs of {done}")
    return b"".join(parts)


def _bits(values: object, count: int) -> str:
    # A run of a single value takes 14 bits at least: what is longer is no picture of this size.
    if not isinstance(values, list) or len(values) > HEADER + 4 * count:
        raise BrushError("expected a list of bytes, not longer than the picture needs, got something else")
    if not all(type(value) is int and 0 <= value <= 255 for value in values):
        raise BrushError("expected bytes 0..255, got others")
    return "".join(f"{value:08b}" for value in values)


def _number(bits: str, start: int, length: int) -> int:
    if start + length > len(bits):
        raise BrushError(f"expected at least {start + length} bits, got {len(bits)}: they are cut off")
    return int(bits[start : start + length], 2)
