"""Masks from outlines: by hand, and against pycocotools to the pixel."""

from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from pipeline.data.outlines import OutlineError, draw_outline, draw_shapes, read_counts
from pipeline.data.sources.rows import Shape

SIZES = st.tuples(st.integers(1, 30), st.integers(1, 40))
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(["size", "counts"]), inner),
    max_leaves=12,
)


def test_rectangle() -> None:
    # Columns 1 and 2, rows 1 to 2 of a 4 x 5 picture.
    drawn = draw_outline([[1, 1, 3, 1, 3, 3, 1, 3]], (4, 5))
    expected = np.zeros((4, 5), bool)
    expected[1:3, 1:3] = True
    np.testing.assert_array_equal(drawn, expected)


def test_runs_go_down_the_columns() -> None:
    # 2 x 3 pixels, column after column: 1 out, 2 in, 3 out.
    drawn = draw_outline({"size": [2, 3], "counts": [1, 2, 3]}, (2, 3))
    assert drawn.tolist() == [[False, True, False], [True, False, False]]


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # in pycocotools
@given(size=SIZES, data=st.data())
def test_polygons_against_pycocotools(size: tuple[int, int], data: st.DataObject) -> None:
    height, width = size
    xs = st.floats(-0.5 * width, 1.5 * width, width=32)
    ys = st.floats(-0.5 * height, 1.5 * height, width=32)
    polygon = [
        value for pair in data.draw(st.lists(st.tuples(xs, ys), min_size=3, max_size=9)) for value in pair
    ]
    expected = coco.decode(coco.frPyObjects([polygon], height, width))[..., 0]
    np.testing.assert_array_equal(draw_outline([polygon], size), expected.astype(bool))


@given(size=SIZES, seed=st.integers(0, 2**32 - 1), share=st.floats(0, 1))
def test_compressed_runs_against_pycocotools(size: tuple[int, int], seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random(size) < share
    encoded = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    outline = {"size": encoded["size"], "counts": encoded["counts"].decode()}
    np.testing.assert_array_equal(draw_outline(outline, size), mask)


def test_crowds_and_overlaps_are_ignored() -> None:
    shapes = [
        Shape(1, [[0, 0, 3, 0, 3, 2, 0, 2]], "a"),
        Shape(2, [[2, 0, 5, 0, 5, 2, 2, 2]], "b"),
        Shape(2, [[4, 0, 6, 0, 6, 2, 4, 2]], "c"),
        Shape(255, {"size": [2, 7], "counts": [0, 1, 13]}, "d"),
    ]
    expected = [[255, 1, 255, 2, 2, 2, 0], [1, 1, 255, 2, 2, 2, 0]]
    assert draw_shapes(shapes, (2, 7)).tolist() == expected
    assert draw_shapes(shapes[::-1], (2, 7)).tolist() == expected
    assert draw_shapes([], (1, 2)).tolist() == [[0, 0]]


@pytest.mark.parametrize(
    ("outline", "message"),
    [
        ({"size": [2, 4], "counts": [8]}, "size [2, 3], got [2, 4]"),
        ({"size": [2, 3], "counts": [5]}, "add up to 6, got 5"),
        ({"size": [2, 3], "counts": [7, -1]}, "0 to 6 pixels"),
        ({"size": [2, 3], "counts": [10**30]}, "0 to 6 pixels"),
        ({"size": [2, 3], "counts": [True, 5]}, "0 to 6 pixels"),
        ({"size": [2, 3], "counts": "~~"}, "COCO's characters"),
        ({"size": [2, 3], "counts": "oooooooooooooooooo"}, "below 2**60"),
        ({"size": [2, 3]}, "got neither"),
        ([[0, 0, 1, 1]], "three corners"),
        ([[0, 0, 1, 1, 1]], "three corners"),
        ([[0, 0, 1, "1", 1, 0]], "coordinates in a picture of 2 x 3"),
        ([[0, 0, 1, float("nan"), 1, 0]], "coordinates in a picture of 2 x 3"),
        ([[0, 0, 1e12, 0, 1, 1]], "coordinates in a picture of 2 x 3"),
        ([[0, 0, 10**400, 0, 1, 1]], "coordinates in a picture of 2 x 3"),
        ([[0, 0, 3, 2] * 2000], "expected an outline, got a line of"),
        ([], "got neither"),
        ("text", "got neither"),
    ],
)
def test_what_cannot_be_drawn_is_named(outline: Any, message: str) -> None:
    with pytest.raises(OutlineError) as caught:
        draw_shapes([Shape(1, outline, "annotations[7]")], (2, 3))
    assert str(caught.value).startswith("annotations[7]: expected ")
    assert message in str(caught.value)


def test_too_many_outlines_are_refused_before_they_are_drawn() -> None:
    with pytest.raises(OutlineError, match="got 300000 outlines"):
        draw_shapes([Shape(1, [[]] * 300_000, "a")], (300, 400))


@given(outline=ANYTHING)
def test_anything_is_drawn_or_refused(outline: Any) -> None:
    with suppress(OutlineError):
        assert draw_outline(outline, (3, 4)).shape == (3, 4)


@given(text=st.text(alphabet=[chr(code) for code in range(48, 112)], max_size=40))
def test_any_compressed_runs_are_read_or_refused(text: str) -> None:
    with suppress(OutlineError):
        assert all(isinstance(count, int) for count in read_counts(text))
