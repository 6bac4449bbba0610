"""Finds images that look the same: by a hash of 64 bits, and then by small copies of the images."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

NEAR = 3  # bits that copies in other sizes, formats and qualities differ by, at most
FLAT = 8  # bits set or unset at least: flat images all look alike to this hash
PARTS = np.arange(0, 64, 16, dtype=np.uint64)  # where each of four parts of a hash begins
PART = np.uint64(2**16 - 1)
SIDE = 16  # of a small copy
# Copies differ by less than this sum, different tiles of one road by twice as much.
NOISE = 0.7  # grey levels
SHIFT = 0.06  # of the mean difference of neighbours
AT_ONCE = 2**10  # pairs whose small copies are compared
MOST = 2**18  # pairs held at once

Pairs = NDArray[np.int64]  # (n, 2): positions
Positions = NDArray[np.int64]  # (n,)


def difference_hash(grey: Image.Image) -> int:
    """64 bits of a grey image, one for each pair of neighbours in 8 x 9 cells: is the right one lighter?

    Source: N. Krawetz, "Kind of Like That" (dHash), 2013.
    """
    cells = grey.resize((9, 8), Image.Resampling.BOX)  # PIL: width first
    values = np.asarray(cells).astype(np.int16)
    bits = values[:, 1:] > values[:, :-1]
    return int.from_bytes(np.packbits(bits).tobytes())


def thumbnail(grey: Image.Image) -> bytes:
    """`SIDE` x `SIDE` values, the means of equal parts of a grey image."""
    return grey.resize((SIDE, SIDE), Image.Resampling.BOX).tobytes()


def look_alikes(hashes: Sequence[int], thumbnails: Sequence[bytes]) -> Iterator[Pairs]:
    """The pairs of `near_duplicates` whose small copies show the same; of a fixed set-up, most do not."""
    small = np.frombuffer(b"".join(thumbnails), np.uint8).reshape(-1, SIDE, SIDE)
    for pairs in near_duplicates(hashes):
        for start in range(0, len(pairs), AT_ONCE):
            part = pairs[start : start + AT_ONCE]
            yield part[_show_the_same(small[part[:, 0]], small[part[:, 1]])]


def _show_the_same(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether copies (n, SIDE, SIDE) differ by no more than other sizes and compression do: bool (n,).

    Other sizes shift edges, so more of them may differ where neighbours do; brightness does not count.
    """
    pairs = np.stack([one, other]).astype(np.float32)
    pairs -= pairs.mean((2, 3), keepdims=True)
    edges = sum(np.abs(np.diff(pairs, axis=axis)).mean((2, 3)) for axis in (2, 3))
    difference = np.abs(pairs[0] - pairs[1]).mean((1, 2))
    return np.asarray(difference <= NOISE + SHIFT * np.min(edges, axis=0))


def near_duplicates(hashes: Sequence[int]) -> Iterator[Pairs]:
    """Pairs of positions (i < j) whose hashes differ in at most `NEAR` of 64 bits, in rising order, in parts.

    Parts, since n frames of a camera that stands still make n^2 / 2 pairs. Flat images are left out.
    """
    values = np.array(hashes, np.uint64)
    set_bits = np.bitwise_count(values).astype(np.int64)
    telling = np.flatnonzero((set_bits >= FLAT) & (set_bits <= 64 - FLAT))
    distinct, kinds = np.unique(values[telling], return_inverse=True)
    # Of each kind of hash, where in `near` its neighbours stand, itself among them.
    sources, near = _near_values(distinct)
    first = np.searchsorted(sources, np.arange(len(distinct) + 1))
    # The images of kind k are those of the keys k * n ... k * n + n - 1, in rising order.
    keys = np.sort(kinds * len(telling) + np.arange(len(telling)))
    images = np.bincount(kinds, minlength=len(distinct))
    candidates = np.add.reduceat(images[near], first[:-1])[kinds] if len(distinct) else images
    for rows in _in_parts(candidates):
        row, place = _ranges(first[kinds[rows]], first[kinds[rows] + 1])
        kind = near[place] * len(telling)
        owner, place = _ranges(
            np.searchsorted(keys, kind + rows[row], "right"), np.searchsorted(keys, kind + len(telling))
        )
        pairs = np.sort(rows[row[owner]] * len(telling) + keys[place] % len(telling))
        yield np.stack([telling[pairs // len(telling)], telling[pairs % len(telling)]], 1)


def _near_values(distinct: NDArray[np.uint64]) -> tuple[Positions, Positions]:
    """Positions of values beside those of the values near them, in both orders and with themselves, sorted.

    Values that differ in three bits agree in one of four parts. So values are compared within equal parts.
    """
    every = np.arange(len(distinct))
    found = [(every, every)]
    for number, start in enumerate(PARTS):
        part = (distinct >> start) & PART
        order = np.argsort(part, kind="stable")
        after = np.searchsorted(part[order], part[order], "right")
        for rows in _in_parts(after - every):
            row, place = _ranges(rows + 1, after[rows])
            one, other = order[rows[row]], order[place]
            bits = distinct[one] ^ distinct[other]
            known = np.zeros(len(bits), bool)  # by an earlier part
            for earlier in PARTS[:number]:
                known |= (bits >> earlier) & PART == 0
            chosen = (np.bitwise_count(bits) <= NEAR) & ~known
            found += [(one[chosen], other[chosen]), (other[chosen], one[chosen])]
    sources, near = (np.concatenate(side) for side in zip(*found, strict=True))
    order = np.argsort(sources, kind="stable")
    return sources[order], near[order]


def _in_parts(sizes: Positions) -> Iterator[Positions]:
    """The rows 0, 1, ... in parts whose `sizes` sum to `MOST` at most, or of one row."""
    ends, start = sizes.cumsum(), 0
    while start < len(sizes):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + MOST, "right")))
        yield np.arange(start, stop)
        start = stop


def _ranges(starts: Positions, stops: Positions) -> tuple[Positions, Positions]:
    """The numbers from each start to its stop, one after the other, and which range each is of."""
    lengths = np.maximum(stops - starts, 0)
    owner = np.repeat(np.arange(len(starts)), lengths)
    return owner, np.arange(len(owner)) - np.repeat(lengths.cumsum() - lengths, lengths) + starts[owner]
