"""Finds images that look the same, by a hash of 64 bits."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.images import ImageArray

NEAR = 3  # bits that copies in other sizes, formats and qualities differ by, at most
FLAT = 8  # bits set or unset at least: flat images all look alike to this hash
CHUNK = 64  # images compared with all later ones at once

Pairs = NDArray[np.int64]  # (n, 2): positions


def difference_hash(image: ImageArray) -> int:
    """64 bits, one for each pair of neighbours in 8 x 9 grey values: whether the right one is lighter.

    Source: N. Krawetz, "Kind of Like That" (dHash), 2013.
    """
    grey = Image.fromarray(image).convert("L").resize((9, 8), Image.Resampling.BOX)  # PIL: width first
    values = np.asarray(grey).astype(np.int16)
    bits = values[:, 1:] > values[:, :-1]
    return int.from_bytes(np.packbits(bits).tobytes())


def near_duplicates(hashes: Sequence[int]) -> Iterator[Pairs]:
    """Pairs of positions (i < j) whose hashes differ in at most `NEAR` of 64 bits, in rising order, in parts.

    Parts, since n frames of a camera that stands still make n^2 / 2 pairs. Flat images are left out.
    """
    values = np.array(hashes, np.uint64)
    set_bits = np.bitwise_count(values).astype(np.int64)
    telling = np.flatnonzero((set_bits >= FLAT) & (set_bits <= 64 - FLAT))
    for start in range(0, len(telling), CHUNK):
        later = telling[start:]
        distances = np.bitwise_count(values[later[:CHUNK], None] ^ values[None, later])
        rows, columns = np.nonzero(np.triu(distances <= NEAR, 1))
        yield np.stack([later[rows], later[columns]], 1)
