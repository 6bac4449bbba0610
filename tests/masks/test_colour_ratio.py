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


RATIOS = np.array([0.0, 2.0, 3.0, 4.0])
WARM = np.array([80.0, 10.0, 6.0, 4.0])  # 20 % at 2 or above, 10 % at 3, 4 % at 4


@pytest.mark.parametrize(
    ("false", "expected"),
    [
        ([1, 0, 0, 0], 2.0),
        ([1, 0.0005, 0, 0], 2.0),  # 0.3 % of the area found at most
        ([1, 0.0007, 0, 0], 3.0),
        ([1, 0, 0.0008, 0], 4.0),
        ([1, 0.01, 0, 0.001], 3.0),  # no colour is so rare: 3 % at most
        ([1, 0.003, 0, 0.001], 2.0),
        ([1, 0.07, 0, 0.008], 3.0),  # 10 %
    ],
)
def test_colours_begin_where_images_without_the_class_have_next_to_none(
    false: list[float], expected: float
) -> None:
    assert ratio_threshold(RATIOS, WARM, np.array(false)) == expected


@pytest.mark.parametrize("left", [0.01, 0.039, 0.041])
def test_few_pixels_are_no_object(left: float) -> None:
    warm, false = np.array([1 - left - 0.5, 0.5, left]), np.array([0.96, 0.04, 0])
    assert ratio_threshold(RATIOS[:3], warm, false) == (3.0 if left > 0.04 else 2.0)


@pytest.mark.parametrize("false", [[0.0, 0, 0, 0], [80, 10, 6, 4], [0, 0, 0, 1]])
def test_colours_may_not_tell(false: list[float]) -> None:
    assert ratio_threshold(RATIOS, WARM, np.array(false)) is None


@pytest.mark.parametrize(
    ("heat", "odds", "threshold", "expected"),
    [(0.9, 1.0, 1.0, 0.5), (0.4, 1.0, 1.0, 0), (0.9, 2.0, 1.0, 0.7310586)],
)
def test_heat_is_a_gate(heat: float, odds: float, threshold: float, expected: float) -> None:
    ratios = np.full((1, BINS**3), odds)
    found = colour_heat(
        np.full((1, 2, 3), heat, np.float32),
        colours_of(np.zeros((2, 3, 3), np.uint8)),
        ratios,
        np.array([threshold]),
        warm=0.5,
    )
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, np.full((1, 2, 3), expected), rtol=1e-6)
