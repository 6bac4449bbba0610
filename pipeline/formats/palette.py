"""The colours of PASCAL VOC, and ids of masks that are drawn in colours."""

from collections.abc import Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]  # RGB, 0..255


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

    Each run of equal pixels is looked up once: masks consist of areas. `table` has at least one colour.
    """
    known = sorted((red << 16 | green << 8 | blue, i) for (red, green, blue), i in table.items())
    codes, ids = np.array(known, np.int32).T
    pixels = (image.astype(np.int32) @ np.array([2**16, 2**8, 1], np.int32)).ravel()
    starts = np.flatnonzero(np.diff(pixels, prepend=-1))
    runs = pixels[starts]
    places = np.searchsorted(codes, runs, side="right") - 1
    run_ids = np.where(codes[places] == runs, ids[places], -1).astype(np.int16)
    return np.repeat(run_ids, np.diff(starts, append=pixels.size)).reshape(image.shape[:2])
