"""Outlines of COCO: by hand, against an independent drawing of polygons, and there and back."""

import time
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pycocotools import mask as cocotools

from pipeline.formats.coco_rle import (
    OutlineError,
    Region,
    bounding_box,
    draw_polygons,
    draw_runs,
    encode_runs,
    read_counts,
)
from tests.formats.polygons import draw_polygon

SIZES = st.tuples(st.integers(1, 30), st.integers(1, 40))


def whole(region: Region, size: tuple[int, int]) -> np.ndarray:
    """The region on the whole image, bool (H, W); its box is as small as can be."""
    pixels = region.pixels
    assert pixels.size == 0 or (pixels.any(axis=0)[[0, -1]].all() and pixels.any(axis=1)[[0, -1]].all())
    image = np.zeros(size, bool)
    image[region.top : region.top + pixels.shape[0], region.left : region.left + pixels.shape[1]] = pixels
    return image


def decode_runs(counts: Any, size: tuple[int, int]) -> np.ndarray:
    return whole(draw_runs(counts, size), size)


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
    np.testing.assert_array_equal(whole(draw_polygons([[1, 1, 3, 1, 3, 3, 1, 3]], (4, 5)), (4, 5)), expected)


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
    np.testing.assert_array_equal(whole(draw_polygons(polygons, size), size), expected)


@pytest.mark.filterwarnings("ignore:__array__:DeprecationWarning")  # of pycocotools
@given(data=st.data())
def test_polygons_in_their_box_against_pycocotools_on_the_whole_image(data: st.DataObject) -> None:
    """Small ones anywhere, also across the border, with corners on halves and fifths of pixels."""
    size = data.draw(st.tuples(st.integers(1, 900), st.integers(1, 900)))
    side = max(size)
    column, row = data.draw(st.tuples(st.integers(-9, side), st.integers(-9, side)))
    number = st.floats(-20, 40) | st.integers(-200, 400).map(lambda value: value / 10)
    corner = st.tuples(number.map(lambda x: column + x), number.map(lambda y: row + y))
    corners = st.lists(corner, min_size=3, max_size=6)
    polygons = [
        [v for pair in part for v in pair] for part in data.draw(st.lists(corners, min_size=1, max_size=2))
    ]
    assume(max(abs(v) for polygon in polygons for v in polygon) <= 2 * side)
    runs = cocotools.merge(cocotools.frPyObjects(polygons, *size))
    expected = np.array(cocotools.decode(runs), bool)
    np.testing.assert_array_equal(whole(draw_polygons(polygons, size), size), expected)


def test_parts_without_an_area_draw_nothing() -> None:
    square = [1, 1, 3, 1, 3, 3, 1, 3]
    alone = whole(draw_polygons([square], (4, 5)), (4, 5))
    for part in ([], [2, 2], [5, 5, 25, 25], [0, 0, 1, 1, 2]):
        np.testing.assert_array_equal(whole(draw_polygons([part, square], (4, 5)), (4, 5)), alone)
        with pytest.raises(OutlineError, match="three corners"):
            draw_polygons([part], (4, 5))


@pytest.mark.parametrize(("side", "count"), [(2000, 300), (4000, 600)])
def test_an_outline_costs_its_box_and_not_the_image(side: int, count: int) -> None:
    places = np.random.default_rng(0).integers(0, side - 9, (count, 2)).tolist()
    began = time.process_time()
    regions = [draw_polygons([[x, y, x + 9, y, x + 9, y + 9, x, y + 9]], (side, side)) for x, y in places]
    assert time.process_time() - began < 1  # 300 of them take 0.04 s; on whole images, 7 s
    assert all(region.pixels.shape == (9, 9) for region in regions)


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
