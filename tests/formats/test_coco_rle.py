"""Outlines of COCO: by hand, against an independent drawing of polygons, and there and back."""

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.formats.coco_rle import (
    OutlineError,
    bounding_box,
    decode_runs,
    draw_polygons,
    encode_runs,
    read_counts,
)
from tests.formats.polygons import draw_polygon

SIZES = st.tuples(st.integers(1, 30), st.integers(1, 40))


def run_lengths(region: np.ndarray) -> list[int]:
    """Runs of outside and inside in turn, down the columns, counted pixel by pixel."""
    lengths, in_region = [0], False
    for pixel in region.T.ravel():
        if pixel != in_region:
            lengths.append(0)
            in_region = bool(pixel)
        lengths[-1] += 1
    return lengths


def test_compressed_by_hand() -> None:
    # 6 = 0b00110 -> chr(48 + 6); 40 = 0b1_01000: low bits 8, more follow (+32): chr(88) "X", then 1: "1";
    # the fourth is 1 - 40 = -39: low five bits 25, more: chr(48 + 25 + 32) "i"; -39 >> 5 = -2: 30: "N"
    region = np.repeat([False, True, False, True], [6, 40, 3, 1]).reshape(5, 10).T
    assert encode_runs(region) == {"size": [10, 5], "counts": "6X13iN"}
    assert read_counts("6X13iN") == [6, 40, 3, 1]


def test_runs_go_down_the_columns() -> None:
    # 2 x 3 pixels, column after column: 1 out, 2 in, 3 out.
    assert decode_runs([1, 2, 3], (2, 3)).tolist() == [[False, True, False], [True, False, False]]
    # A region that begins inside has no pixels outside before it.
    assert encode_runs(np.ones((2, 3), bool))["counts"] == "06"


def test_bounding_box_by_hand() -> None:
    region = np.zeros((5, 9), bool)
    region[1, 7] = region[3, 2] = True
    assert bounding_box(encode_runs(region)) == [2, 1, 6, 3]  # column, row, width, height
    assert bounding_box(encode_runs(np.zeros((5, 9), bool))) == [0, 0, 0, 0]


@given(size=SIZES, seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1))
def test_there_and_back(size: tuple[int, int], seed: int, share: float) -> None:
    region = np.random.default_rng(seed).random(size) < share
    encoded = encode_runs(region)
    assert read_counts(encoded["counts"]) == run_lengths(region)
    np.testing.assert_array_equal(decode_runs(encoded["counts"], size), region)
    np.testing.assert_array_equal(decode_runs(run_lengths(region), size), region)


def test_long_runs_come_back() -> None:
    region = np.zeros((1200, 900), bool)
    region[300:, 450:] = True
    region[5, 3] = True
    encoded = encode_runs(region)
    assert read_counts(encoded["counts"]) == run_lengths(region)
    np.testing.assert_array_equal(decode_runs(encoded["counts"], (1200, 900)), region)


def test_rectangle() -> None:
    # Columns 1 and 2, rows 1 to 2 of a 4 x 5 image.
    expected = np.zeros((4, 5), bool)
    expected[1:3, 1:3] = True
    np.testing.assert_array_equal(draw_polygons([[1, 1, 3, 1, 3, 3, 1, 3]], (4, 5)), expected)


@given(size=SIZES, data=st.data())
def test_polygons_against_an_independent_drawing(size: tuple[int, int], data: st.DataObject) -> None:
    height, width = size
    xs = st.floats(-0.5 * width, 1.5 * width, width=32)
    ys = st.floats(-0.5 * height, 1.5 * height, width=32)
    corners = st.lists(st.tuples(xs, ys), min_size=3, max_size=9)
    polygons = [
        [value for pair in actual for value in pair]
        for actual in data.draw(st.lists(corners, min_size=1, max_size=3))
    ]
    expected = np.any([draw_polygon(polygon, size) for polygon in polygons], axis=0)
    np.testing.assert_array_equal(draw_polygons(polygons, size), expected)


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ([5], "add up to 6, got 5"),
        ([7, -1], "0 to 6 pixels"),
        ([10**30], "0 to 6 pixels"),
        ([True, 5], "0 to 6 pixels"),
        ([2.0, 4], "0 to 6 pixels"),
        ("~~", "COCO's characters"),
        (None, "COCO's characters"),
        ("o" * 18, "below 2**60"),
        ("6P", None),  # the last number is cut off: it is not read
        ("P", "add up to 6, got 0"),
    ],
)
def test_malformed_runs_are_refused(counts: Any, message: str | None) -> None:
    if message is None:
        assert decode_runs(counts, (2, 3)).tolist() == [[False] * 3] * 2
        return
    with pytest.raises(OutlineError) as caught:
        decode_runs(counts, (2, 3))
    assert message in str(caught.value)


@given(text=st.text(alphabet=[chr(code) for code in range(48, 112)], max_size=40))
def test_any_compressed_runs_are_read_or_refused(text: str) -> None:
    with suppress(OutlineError):
        assert all(isinstance(count, int) for count in read_counts(text))
