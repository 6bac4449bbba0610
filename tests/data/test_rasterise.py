"""Masks from all outlines of a sample."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.rasterise import rasterise, rasterise_outline
from pipeline.data.sources.records import Shape
from pipeline.formats.coco_rle import OutlineError
from pipeline.formats.labelstudio_rle import BrushError

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.sampled_from(["size", "counts"]), inner),
    max_leaves=12,
)


def test_crowds_and_overlaps_are_ignored() -> None:
    shapes = [
        Shape(1, [[0, 0, 3, 0, 3, 2, 0, 2]], "a"),
        Shape(2, [[2, 0, 5, 0, 5, 2, 2, 2]], "b"),
        Shape(2, [[4, 0, 6, 0, 6, 2, 4, 2]], "c"),
        Shape(255, {"size": [2, 7], "counts": [0, 1, 13]}, "d"),
    ]
    expected = [[255, 1, 255, 2, 2, 2, 0], [1, 1, 255, 2, 2, 2, 0]]
    assert rasterise(shapes, (2, 7)).tolist() == expected
    assert rasterise(shapes[::-1], (2, 7)).tolist() == expected
    assert rasterise([], (1, 2)).tolist() == [[0, 0]]


def test_an_outline_of_one_pixel_is_no_share_of_the_image() -> None:
    assert rasterise([Shape(1, [[0, 0, 1, 0, 1, 1, 0, 1]], "a")], (2, 3)).tolist() == [[1, 0, 0], [0, 0, 0]]
    parts = [[0.2, 0.2, 0.4, 0.2, 0.4, 0.6], [1, 0, 3, 0, 3, 1, 1, 1]]
    assert rasterise([Shape(1, parts, "a")], (2, 3)).tolist() == [[0, 1, 1], [0, 0, 0]]


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
        ([[0.1, 0, 0.5, 0, 1, 1]], "in pixels, got shares of the image"),
        ([[0, 0, 1, 0, 1, 1], [0.2, 0.2, 0.4, 0.2, 0.4, 0.6]], "in pixels, got shares of the image"),
        ([[0, 0, 1, 1, 1]], "three corners"),
        ([[0, 0, 1, "1", 1, 0]], "coordinates in an image of 2 x 3"),
        ([[0, 0, 1, float("nan"), 1, 0]], "coordinates in an image of 2 x 3"),
        ([[0, 0, 1e12, 0, 1, 1]], "coordinates in an image of 2 x 3"),
        ([[0, 0, 10**400, 0, 1, 1]], "coordinates in an image of 2 x 3"),
        ([[0, 0, 3, 2] * 2000], "expected an outline, got a line of"),
        ({"format": "rle", "rle": [256]}, "expected bytes 0..255"),
        ([], "got neither"),
        ("text", "got neither"),
    ],
)
def test_what_cannot_be_drawn_is_named(outline: Any, message: str) -> None:
    with pytest.raises(OutlineError) as caught:
        rasterise([Shape(1, outline, "annotations[7]")], (2, 3))
    assert str(caught.value).startswith("annotations[7]: expected ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    "outline",
    [
        [[5, 2000, 14, 2000, 14, 2009, 5, 2009]],
        {"shares": [0.1, 0.5, 0.102, 0.5, 0.102, 0.502, 0.1, 0.502]},
        {"size": [4000, 4000], "counts": [4000 * 7 + 9, 20, 4000 * 3992 + 3971]},
    ],
)
def test_a_small_outline_of_a_large_image_costs_its_box(outline: Any) -> None:
    region = rasterise_outline(outline, (4000, 4000))
    assert 0 < region.pixels.size <= 400
    assert region.work < 4000 * 4000 / 100


def test_outlines_that_take_minutes_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = [[0, 0, 400, 0, 400, 300, 0, 300]]
    monkeypatch.setattr("pipeline.data.rasterise.MOST_WORK", 10 * 300 * 400)
    rasterise([Shape(1, whole, "a")], (300, 400))
    with pytest.raises(OutlineError, match="got 300000 outlines"):
        rasterise([Shape(1, whole, "a")] * 300_000, (300, 400))


@given(outline=ANYTHING)
def test_anything_is_drawn_or_refused(outline: Any) -> None:
    with suppress(OutlineError, BrushError):
        height, width = rasterise_outline(outline, (3, 4)).pixels.shape
        assert height <= 3
        assert width <= 4
