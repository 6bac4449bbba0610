"""The colours of PASCAL VOC, and ids of masks that are drawn in colours."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]  # RGB, 0..255
Codes = NDArray[np.integer[Any]]

CODE = np.array([2**16, 2**8, 1], np.int32)  # (red, green, blue) @ CODE: one number for each colour
UNKNOWN = -1


@cache
def voc_palette() -> NDArray[np.uint8]:
    """The 256 colours of PASCAL VOC, read-only uint8 (256, 3): the bits of the id, dealt out to R, G and B.

    Source: VOCcode/VOClabelcolormap.m of the VOC development kit.
    """
    ids = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= (((ids >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    palette.flags.writeable = False  # every caller gets the same array
    return palette


def voc_colours() -> list[Colour]:
    """The colours of PASCAL VOC as tuples, in the order of their ids."""
    return [(red, green, blue) for red, green, blue in voc_palette().tolist()]


def ids_of_colours(image: NDArray[np.uint8], table: Mapping[Colour, int]) -> NDArray[np.int16]:
    """The id of each pixel of an RGB mask (H, W, 3), int16 (H, W); -1 where `table` lacks the colour.

    `table` has at least one colour.
    """
    known = sorted((int(colour_codes(np.array(colour))), i) for colour, i in table.items())
    codes, ids = np.array(known).T
    return look_up(colour_codes(image), codes, ids.astype(np.int16))


def colour_codes(colours: Codes) -> NDArray[np.int32]:
    """The code of each colour: (..., 3) -> int32 (...)."""
    return colours.astype(np.int32) @ CODE


def look_up(values: Codes, known: Codes, ids: NDArray[np.int16]) -> NDArray[np.int16]:
    """The id of each of `values`, int16 of their shape; UNKNOWN where it is none of `known`, which rise."""
    runs, lengths = runs_of(values)
    places = np.minimum(np.searchsorted(known, runs), len(known) - 1)
    found = np.where(known[places] == runs, ids[places], np.int16(UNKNOWN))
    return np.repeat(found, lengths).reshape(values.shape)


def runs_of(values: Codes) -> tuple[Codes, NDArray[np.int64]]:
    """The value and the length of each run of equal values: masks consist of areas."""
    flat = values.ravel()
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    return flat[starts], np.diff(starts, append=flat.size)
