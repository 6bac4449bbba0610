"""The colours of small objects: closed forms on images of a few colours."""

import numpy as np
import pytest

from pipeline.masks.colour_ratio import BINS, colour_heat, colours_of, log_ratio, ratio_threshold

LEAF, SPOT, TABLE = (60, 140, 60), (120, 70, 30), (235, 235, 240)


def colour(rgb: tuple[int, int, int]) -> int:
    return int(colours_of(np.full((1, 1, 3), rgb, np.uint8))[0, 0])


def counts(**pixels: float) -> np.ndarray:
    result = np.zeros(BINS**3)
    for name, count in pixels.items():
        result[colour({"leaf": LEAF, "spot": SPOT, "table": TABLE}[name])] += count
    return result


@pytest.mark.parametrize("rgb", [(0, 0, 0), (255, 255, 255), (255, 0, 0), (0, 0, 255)])
def test_all_colours_have_a_number(rgb: tuple[int, int, int]) -> None:
    assert 0 <= colour(rgb) < BINS**3


@pytest.mark.parametrize("spots", [1, 10, 50])
def test_what_occurs_without_the_class_cancels_out(spots: int) -> None:
    ratio = log_ratio(counts(leaf=100 - spots, spot=spots), counts(table=100), counts(leaf=100))
    assert ratio[colour(LEAF)] <= np.log(2) + 1e-6  # at most: half of the others are of images without it
    assert ratio[colour(SPOT)] > 3
    assert ratio[colour(TABLE)] < -3


@pytest.mark.parametrize("scale", [1, 7, 1000])
def test_numbers_of_pixels_do_not_matter(scale: int) -> None:
    parts = counts(leaf=90, spot=10), counts(table=10), counts(leaf=10)
    np.testing.assert_allclose(log_ratio(*parts), log_ratio(*(scale * part for part in parts)))


@pytest.mark.parametrize(("false", "expected"), [(0, 2.0), (0.9, 2.0), (1.1, 3.0)])
def test_false_area_is_a_tenth_at_most(false: float, expected: float) -> None:
    ratios = np.array([0.0, 2.0, 3.0])
    warm = np.array([90.0, 9.0, 1.0])  # 10 % at 2 or above
    assert ratio_threshold(ratios, warm, np.array([100 - false, false, 0])) == expected


@pytest.mark.parametrize(("false", "expected"), [(1.9, 2.0), (5.5, 2.0), (50.0, 2.0)])
def test_more_is_allowed_where_no_colour_is_so_rare(false: float, expected: float) -> None:
    warm = np.array([90.0, 10.0])
    threshold = ratio_threshold(np.array([0.0, expected]), warm, np.array([100 - false, false]))
    assert threshold == (expected if false < 10 else 0.0)


@pytest.mark.parametrize(
    ("heat", "odds", "expected"), [(0.9, 1.0, 0.5), (0.4, 1.0, 0), (0.9, 2.0, 0.7310586)]
)
def test_heat_is_a_gate(heat: float, odds: float, expected: float) -> None:
    ratios = np.full((1, BINS**3), odds)
    found = colour_heat(
        np.full((1, 2, 3), heat, np.float32),
        colours_of(np.zeros((2, 3, 3), np.uint8)),
        ratios,
        np.array([1.0]),
        warm=0.5,
    )
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.full((1, 2, 3), expected), rtol=1e-6)
