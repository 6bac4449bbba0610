"""Codec of Label Studio's brush: run lengths in bits, for the four channels of each pixel.

Header: number of values (32 bits), word size - 1 (5 bits), four sizes of lengths, each - 1 (4 bits each).
Run: whether its values are equal (1 bit), number of its size (2 bits), its length - 1, its value or values.

Source: rle-pack of thi.ng/umbrella, which Label Studio uses.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError

CHANNELS = 4  # red, green, blue, opacity: the last one is the mask; where camseg writes, all four are
WORD = 8  # bits of a value
HEADER = 32 + 5 + 4 * 4  # bits: number of values, word size - 1, the four sizes of lengths - 1
HALF = 128  # of opacity: the edge of a stroke is blended
SIZES = (3, 4, 8, 16)  # bits of a run's length where camseg writes; the header can say no more than 16
LONGEST = 1 << SIZES[-1]  # values in one run
MOST = 2**32 - 1  # values: the header counts them in 32 bits


class BrushError(UserError):
    """Run lengths that cannot be drawn; the message says why."""


def draw_brush(values: object, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels, bool (H, W), that are at least half opaque in bytes [0..255, ...] of the brush."""
    count = size[0] * size[1] * CHANNELS
    bits = _bits(values, count)
    got, word = _number(bits, 0, 32), _number(bits, 32, 5) + 1
    if (got, word) != (count, WORD):
        expected = f"{count} values of {WORD} bits for {size[0]} x {size[1]} pixels"
        raise BrushError(f"expected {expected}, got {got} of {word}")
    sizes = [_number(bits, start, 4) + 1 for start in range(37, HEADER, 4)]
    pixels = np.frombuffer(_unpack(bits, sizes, count), np.uint8)
    return pixels.reshape(*size, CHANNELS)[:, :, -1] >= HALF


def encode_brush(region: NDArray[np.bool_]) -> list[int]:
    """bool (H, W) -> bytes: 255 in all four channels where it is true, 0 elsewhere, row by row."""
    if region.size * CHANNELS > MOST:
        raise UserError(f"Expected at most {MOST // CHANNELS} pixels, got {region.size}: use another format")
    header = f"{region.size * CHANNELS:032b}{WORD - 1:05b}" + "".join(f"{size - 1:04b}" for size in SIZES)
    flat = region.ravel()
    edges = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1, [flat.size]])
    runs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    bits = header + "".join(_run((end - start) * CHANNELS, bool(flat[start])) for start, end in runs if end)
    whole = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return list(int(whole, 2).to_bytes(len(whole) // 8, "big"))


def _unpack(bits: str, sizes: list[int], count: int) -> bytes:
    """All `count` values."""
    parts: list[bytes] = []
    at, done = HEADER, 0
    while done < count:
        equal, width = _number(bits, at, 1), sizes[_number(bits, at + 1, 2)]
        length = _number(bits, at + 3, width) + 1
        at += 3 + width
        words = 1 if equal else length
        value = _number(bits, at, words * WORD).to_bytes(words, "big")
        parts.append(value * length if equal else value)
        at += words * WORD
        done += length
    if done > count:
        raise BrushError(f"expected {count} values, got runs of {done}")
    return b"".join(parts)


def _bits(values: object, count: int) -> str:
    # A run of a single value takes 14 bits at least: what is longer is no image of this size.
    if not isinstance(values, list) or len(values) > HEADER + 4 * count:
        raise BrushError("expected a list of bytes, not longer than the image needs, got something else")
    if not all(type(value) is int and 0 <= value <= 255 for value in values):
        raise BrushError("expected bytes 0..255, got others")
    return "".join(f"{value:08b}" for value in values)


def _number(bits: str, start: int, length: int) -> int:
    if start + length > len(bits):
        raise BrushError(f"expected at least {start + length} bits, got {len(bits)}: they are cut off")
    return int(bits[start : start + length], 2)


def _run(length: int, painted: bool) -> str:
    """The bits of one run; a long one is cut."""
    value = "1" * WORD if painted else "0" * WORD
    whole, rest = divmod(length, LONGEST)
    parts = [LONGEST] * whole + [rest] * bool(rest)
    sizes = [next(i for i, size in enumerate(SIZES) if part <= 1 << size) for part in parts]
    pairs = zip(parts, sizes, strict=True)
    return "".join(f"1{i:02b}{part - 1:0{SIZES[i]}b}{value}" for part, i in pairs)
