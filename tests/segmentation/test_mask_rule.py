"""From probabilities to ids, by hand."""

import numpy as np
import pytest

from pipeline.segmentation.mask_rule import MaskRule, RegionSums, class_confidences, image_confidence
from pipeline.segmentation.small_parts import without_small_parts


def pixels(*columns: tuple[float, ...]) -> np.ndarray:
    """Probabilities (L, 1, W), a pixel from each column."""
    return np.array(columns, np.float32).T[:, None]


P = pixels((0.6, 0.3, 0.1), (0.2, 0.5, 0.3), (0.4, 0.35, 0.25), (0.1, 0.1, 0.8))


@pytest.mark.parametrize(
    ("thresholds", "sure", "expected"),
    [
        ({}, 0.0, [0, 1, 0, 2]),
        ({}, 0.55, [0, 255, 255, 2]),
        ({1: 0.3}, 0.0, [1, 1, 1, 2]),
        ({1: 0.6}, 0.0, [0, 2, 0, 2]),
        ({1: 0.3, 2: 0.2}, 0.0, [1, 1, 2, 2]),  # 0.5 / 0.3 > 0.3 / 0.2; 0.35 / 0.3 < 0.25 / 0.2
        ({1: 0.3}, 0.34, [255, 1, 1, 2]),
        ({2: 0.9}, 0.0, [0, 1, 0, 0]),
    ],
)
def test_thresholds_and_doubt(thresholds: dict[int, float], sure: float, expected: list[int]) -> None:
    assert MaskRule(thresholds, sure).mask(P)[0].tolist() == expected


def test_where_no_other_label_is_possible_pixels_stay_open() -> None:
    values = pixels((0, 0.7, 0.3), (0, 0.2, 0.8))  # data without background
    assert MaskRule({1: 0.75, 2: 0.75}).mask(values)[0].tolist() == [255, 2]


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_sums_of_parts_are_those_of_the_whole(parts: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.dirichlet([1, 1, 1], (8, 6)).transpose(2, 0, 1).astype(np.float32)
    mask = MaskRule(min_confidence=0.4).mask(values)
    sums = RegionSums.of_nothing(3)
    for part in np.array_split(np.arange(8), parts):
        sums.add(values[:, part], mask[part])
    expected = [values[i][mask == i].mean() for i in range(3)]
    np.testing.assert_allclose(class_confidences(sums), expected, rtol=1e-6)
    assert image_confidence(sums) == pytest.approx(np.mean(expected[1:]))
    np.testing.assert_allclose(sums.highest, values.max((1, 2)))


@pytest.mark.parametrize(("ids", "expected"), [([0, 0], 0.7), ([255, 255], 0.0), ([0, 1], 0.3)])
def test_the_background_counts_only_without_others(ids: list[int], expected: float) -> None:
    sums = RegionSums.of_nothing(2)
    sums.add(pixels((0.7, 0.3), (0.7, 0.3)), np.array([ids], np.uint8))
    assert image_confidence(sums) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("least", "background", "expected"),
    [
        (1, True, [1, 1, 0, 2, 0, 1]),
        (2, True, [1, 1, 0, 0, 0, 0]),
        (2, False, [1, 1, 0, 255, 0, 255]),
        (3, True, [0, 0, 0, 0, 0, 0]),
    ],
)
def test_small_parts_go(least: float, background: bool, expected: list[int]) -> None:
    mask = np.array([[1, 1, 0, 2, 0, 1]], np.uint8)
    assert without_small_parts(mask, least, background=background)[0].tolist() == expected
    assert mask[0].tolist() == [1, 1, 0, 2, 0, 1]
