"""Run lengths by hand, back and forth, and against COCO's own code."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from pycocotools import mask as coco_mask

from pipeline.export.rle import compress, encode, run_lengths

MASKS = arrays(bool, array_shapes(min_dims=2, max_dims=2, max_side=12))


def expand(counts: list[int], size: tuple[int, int]) -> np.ndarray:
    """The mask (H, W) of run lengths, pixel by pixel down the columns."""
    pixels = [bool(i % 2) for i, run in enumerate(counts) for _ in range(run)]
    return np.array(pixels, bool).reshape(size[1], size[0]).T


def decompress(text: str) -> list[int]:
    """`rleFrString` of maskApi.c, literally."""
    counts: list[int] = []
    position = 0
    while position < len(text):
        number, k, more = 0, 0, True
        while more:
            value = ord(text[position]) - 48
            number |= (value & 0x1F) << (5 * k)
            more = bool(value & 0x20)
            position, k = position + 1, k + 1
            if not more and value & 0x10:
                number |= -1 << (5 * k)
        counts.append(number + counts[-2] if len(counts) > 2 else number)
    return counts


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        ([[0, 1, 1], [0, 0, 1]], [2, 1, 1, 2]),  # columns 00, 10, 11
        ([[1, 0, 0], [1, 1, 0]], [0, 2, 1, 1, 2]),  # columns 11, 01, 00: starts with True
        ([[0, 0, 0], [0, 0, 0]], [6]),
        ([[1, 1, 1], [1, 1, 1]], [0, 6]),
    ],
)
def test_runs_go_down_the_columns(mask: list[list[int]], expected: list[int]) -> None:
    assert run_lengths(np.array(mask, bool)) == expected


def test_hand_computed_text() -> None:
    # 2 -> '2', 1 -> '1', 1 -> '1', then 2 - 1 = 1 -> '1'. 40 = 01 01000: 8 + 32 more -> 'X', then 1 -> '1'.
    # 16 has the sign bit set, so a 0 follows: 16 + 32 -> '`', '0'. 3 - 5 = -2 = ...11110 -> 30 + 48 = 'N'.
    assert compress([2, 1, 1, 2]) == "2111"
    assert compress([40]) == "X1"
    assert compress([16]) == "`0"
    assert compress([1, 5, 1, 3]) == "151N"


@given(MASKS)
def test_round_trip(mask: np.ndarray) -> None:
    counts = run_lengths(mask)
    assert np.array_equal(expand(counts, mask.shape), mask)
    assert decompress(compress(counts)) == counts


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=9))
def test_round_trip_of_long_runs(counts: list[int]) -> None:
    assert decompress(compress(counts)) == counts


@given(MASKS)
def test_against_pycocotools(mask: np.ndarray) -> None:
    own, theirs = encode(mask), coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
    assert own == {"size": list(mask.shape), "counts": theirs["counts"].decode()}


def test_against_pycocotools_at_the_size_of_photos() -> None:
    rng = np.random.default_rng(0)
    for size in ((333, 500), (500, 271)):
        mask = np.kron(rng.random((9, 7)) > 0.5, np.ones((70, 80), bool))[: size[0], : size[1]]
        theirs = coco_mask.encode(np.asfortranarray(mask.astype(np.uint8)))
        assert encode(mask)["counts"] == theirs["counts"].decode()
