"""From heatmaps to label maps."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.masks.threshold import (
    Normalisation,
    band_limits,
    mask_at_threshold,
    normalised_odds,
    normalised_scores,
    uncertain,
    upsample,
)

LEVELS = st.integers(0, 8).map(lambda level: level / 8)  # exact in float32, many ties
HEAT = arrays(np.float32, (3, 4, 5), elements=LEVELS)
CLASSES = np.array([4, 0, 2])
# Two maps for the classes 3 and 1, that is ids 4 and 2.
HAND = np.array([[[0.5, 0.2, 0.6], [0.9, 0.4, 0.0]], [[0.4, 0.1, 0.8], [0.9, 0.5, 1.0]]], np.float32)
HAND_CLASSES = np.array([3, 1])


def test_label_map_by_hand() -> None:
    # Threshold 0.5: 0.5 ties with the background, which wins; 0.9 ties with 0.9, where the first map wins.
    np.testing.assert_array_equal(mask_at_threshold(HAND, HAND_CLASSES, 0.5), [[0, 0, 2], [4, 0, 2]])
    assert mask_at_threshold(HAND, HAND_CLASSES, 0.5).dtype == np.uint8


def test_band_by_hand() -> None:
    # 0.5 +- 0.3: foreground above 0.8 (0.9, 1.0), background up to 0.2; 0.5, 0.8 and 0.5 lie between.
    expected = [[True, False, True], [False, True, False]]
    np.testing.assert_array_equal(uncertain(HAND, 0.5, 0.3), expected)


def test_band_limits_stay_where_both_labels_are_possible() -> None:
    assert band_limits(0.5, 0.25) == (0.25, 0.75)
    assert band_limits(0.05, 0.25) == (0.01, 0.3)
    assert band_limits(0.875, 0.25) == (0.625, 0.99)
    assert band_limits(0.005, 0) == (0.005, 0.005)  # no band never moves the threshold
    assert band_limits(0.995, 0) == (0.995, 0.995)


@given(HEAT, st.sampled_from([0.125, 0.3, 0.5, 0.875]))
def test_label_map_against_a_loop(heat: np.ndarray, threshold: float) -> None:
    expected = np.zeros(heat.shape[1:], int)
    for position in np.ndindex(*expected.shape):
        best = threshold
        for index, label in enumerate([5, 1, 3]):
            if heat[(index, *position)] > best:
                best, expected[position] = heat[(index, *position)], label
    np.testing.assert_array_equal(mask_at_threshold(heat, CLASSES, threshold), expected)


@given(HEAT, st.floats(0.01, 0.99), st.floats(0.01, 0.99))
def test_foreground_shrinks_as_the_threshold_grows(heat: np.ndarray, one: float, other: float) -> None:
    low, high = sorted((one, other))
    many, few = mask_at_threshold(heat, CLASSES, low), mask_at_threshold(heat, CLASSES, high)
    np.testing.assert_array_equal(few[few > 0], many[few > 0])


@given(HEAT, st.floats(0.01, 0.99), st.floats(0, 0.49))
def test_band_grows_and_is_empty_at_width_0(heat: np.ndarray, threshold: float, band: float) -> None:
    assert not uncertain(heat, threshold, 0).any()
    narrow, wide = uncertain(heat, threshold, band), uncertain(heat, threshold, band + 0.1)
    assert not np.any(narrow & ~wide)


@given(HEAT, st.permutations(range(3)))
def test_order_of_the_classes_never_matters_without_ties(heat: np.ndarray, order: list[int]) -> None:
    distinct = heat * 0.9 + np.array([0.01, 0.02, 0.03], np.float32)[:, None, None]
    np.testing.assert_array_equal(
        mask_at_threshold(distinct[order], CLASSES[order], 0.4), mask_at_threshold(distinct, CLASSES, 0.4)
    )


def test_image_without_labels_is_background() -> None:
    nothing, none = np.zeros((0, 4, 6), np.float32), np.zeros(0, int)
    np.testing.assert_array_equal(mask_at_threshold(nothing, none, 0.3), np.zeros((4, 6)))
    assert not uncertain(nothing, 0.3, 0.1).any()


def test_normalised_scores_by_hand() -> None:
    # [0.5, 0.5, 1.0] / 2 and [0.5, 0, 0] / 0.5
    heat = np.array([[[0.5, 0]], [[1, 0]]], np.float32)
    expected = [[[0.25, 1]], [[0.25, 0]], [[0.5, 0]]]
    np.testing.assert_allclose(normalised_scores(heat, 0.5), expected)


def test_normalised_odds_by_hand() -> None:
    # Odds of 0.5: 0.5 / (0.5 + 1 / 510) = 255 / 256; of 1: 510; of 0: 0. Left: 255 / 256 twice, and 510.
    heat = np.array([[[0.5, 0]], [[1, 0]]], np.float32)
    expected = [[[1 / 514, 1]], [[1 / 514, 0]], [[256 / 257, 0]]]
    np.testing.assert_allclose(normalised_odds(heat, 0.5), expected, rtol=1e-4)


def test_normalised_odds_gives_back_the_probabilities_of_a_model() -> None:
    background, first, second = 0.3, 0.6, 0.1
    shares = [p / (p + background) for p in (first, second)]
    odds = normalised_odds(np.array(shares, np.float32).reshape(2, 1, 1), 0.5).ravel()
    np.testing.assert_allclose(odds, [background, first, second], atol=2e-3)


@pytest.mark.parametrize("normalise", [normalised_scores, normalised_odds])
@given(heat=HEAT, threshold=st.floats(0.01, 0.99))
def test_normalised_scores_has_the_winners_of_the_label_map(
    normalise: Normalisation, heat: np.ndarray, threshold: float
) -> None:
    probabilities = normalise(heat, threshold)
    np.testing.assert_allclose(probabilities.sum(axis=0), 1, rtol=1e-6)
    by_id = probabilities[[0, 2, 3, 1]]  # maps of the ids 0, 1, 3, 5
    winner = np.searchsorted([0, 1, 3, 5], mask_at_threshold(heat, CLASSES, threshold))
    won = np.take_along_axis(by_id, winner[None], axis=0)
    np.testing.assert_allclose(won[0], probabilities.max(axis=0), rtol=1e-6)


def literal_bilinear(stored: np.ndarray, height: int, width: int) -> np.ndarray:
    """Pixel centres at (i + 0.5) * scale - 0.5, clamped at the frame."""
    maps, h, w = stored.shape
    out = np.zeros((maps, height, width))
    for y in range(height):
        for x in range(width):
            cy = min(max((y + 0.5) * h / height - 0.5, 0), h - 1)
            cx = min(max((x + 0.5) * w / width - 0.5, 0), w - 1)
            y0, x0 = int(cy), int(cx)
            y1, x1 = min(y0 + 1, h - 1), min(x0 + 1, w - 1)
            fy, fx = cy - y0, cx - x0
            top = stored[:, y0, x0] * (1 - fx) + stored[:, y0, x1] * fx
            bottom = stored[:, y1, x0] * (1 - fx) + stored[:, y1, x1] * fx
            out[:, y, x] = (top * (1 - fy) + bottom * fy) / 255
    return out


@pytest.mark.parametrize("size", [(8, 20), (7, 11), (2, 5)])
def test_upsample_against_the_definition(size: tuple[int, int]) -> None:
    stored = np.random.default_rng(0).integers(256, size=(3, 2, 5)).astype(np.uint8)
    heat = upsample(stored, size)
    np.testing.assert_allclose(heat, literal_bilinear(stored.astype(float), *size), atol=1e-6)
    assert heat.dtype == np.float32


def test_upsample_keeps_the_maximum_as_it_comes_out() -> None:
    stored = np.zeros((1, 2, 3), np.uint8)
    stored[0, 0, 1] = 255
    # Two columns lie at (0.5, 1.5) * 3/2 - 0.5 = 0.25 and 1.75: both 1/4 of the way to the peak of column 1.
    assert upsample(stored, (2, 2)).max() == pytest.approx(0.25)


def test_upsample_of_no_map_and_of_read_only_maps() -> None:
    assert upsample(np.zeros((0, 2, 3), np.uint8), (8, 12)).shape == (0, 8, 12)
    stored = np.full((1, 2, 3), 51, np.uint8)
    stored.flags.writeable = False  # as joblib hands arrays over; torch would warn
    np.testing.assert_allclose(upsample(stored, (4, 6)), 0.2)


@pytest.mark.parametrize("classes", [[1], [1, 1], [1, 254], [-1, 1], [[0], [1]]])
def test_unusable_classes_are_refused(classes: list[int]) -> None:
    with pytest.raises(ValueError, match="class"):
        mask_at_threshold(HAND, np.array(classes), 0.5)


@pytest.mark.parametrize("threshold", [0.0, 1.0, -0.1, float("nan")])
def test_thresholds_outside_of_0_to_1_are_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="threshold"):
        mask_at_threshold(HAND, HAND_CLASSES, threshold)
