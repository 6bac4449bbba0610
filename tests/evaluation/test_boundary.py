"""Boundary IoU against its definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.evaluation.boundary import band_pixels, boundary_counts, boundary_iou, inner_band

LABELS = 3
SIZE = (6, 9)
IDS = arrays(np.uint8, SIZE, elements=st.sampled_from([0, 0, 0, 1, 1, 2]))
GROUND_TRUTH = arrays(np.uint8, SIZE, elements=st.sampled_from([0, 0, 1, 1, 2, 255]))


def literal_band(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Mask pixels with a pixel outside of the mask, or beyond the frame, within the chessboard distance."""
    height, width = mask.shape
    band = np.zeros_like(mask)
    for row in range(height):
        for column in range(width):
            near = [
                0 <= row + dy < height and 0 <= column + dx < width and mask[row + dy, column + dx]
                for dy in range(-pixels, pixels + 1)
                for dx in range(-pixels, pixels + 1)
            ]
            band[row, column] = mask[row, column] and not all(near)
    return band


@given(arrays(np.bool_, SIZE), st.integers(1, 3))
def test_inner_band_against_the_definition(mask: np.ndarray, pixels: int) -> None:
    np.testing.assert_array_equal(inner_band(mask, pixels), literal_band(mask, pixels))


def test_the_frame_is_outside() -> None:
    # 5x7 all foreground: a band of 1 is the frame, 5 * 7 - 3 * 5 = 20 pixels.
    assert np.count_nonzero(inner_band(np.ones((5, 7), bool), 1)) == 20


@pytest.mark.parametrize(
    ("height", "width", "share", "pixels"),
    [(30, 40, 0.02, 1), (30, 40, 0.05, 2), (300, 400, 0.02, 10), (3, 4, 0.02, 1), (30, 40, 0.049, 2)],
)
def test_band_is_a_share_of_the_diagonal(height: int, width: int, share: float, pixels: int) -> None:
    assert band_pixels(height, width, share) == pixels  # diagonals 50, 50, 500, 5 and 50


def test_counts_by_hand() -> None:
    ground_truth = np.zeros((7, 9), np.uint8)
    prediction = ground_truth.copy()
    ground_truth[1:6, 1:6] = 1  # 5x5, ring of 25 - 9 = 16
    prediction[1:6, 2:7] = 1  # the same, one pixel to the right
    # Rings share the top and bottom rows (4 + 4). The prediction's left column 2 lies inside of the true
    # ring, the true right column 5 inside of the prediction's. So 8 in both, 32 - 8 = 24 in either.
    counts = boundary_counts(ground_truth, prediction, 2, 0.02)
    np.testing.assert_array_equal(counts[1], [8, 24])
    assert boundary_iou(counts) == pytest.approx(8 / 24)


@given(GROUND_TRUTH, IDS, st.sampled_from([0.02, 0.15]))
def test_counts_against_the_definition(
    ground_truth: np.ndarray, prediction: np.ndarray, width: float
) -> None:
    pixels = {0.02: 1, 0.15: 2}[width]  # diagonal 10.8
    counts = boundary_counts(ground_truth, prediction, LABELS, width)
    for label in range(LABELS):
        one = literal_band(ground_truth == label, pixels)
        other = literal_band((prediction == label) & (ground_truth != 255), pixels)
        assert counts[label].tolist() == [(one & other).sum(), (one | other).sum()]


@given(GROUND_TRUTH, IDS, IDS)
def test_prediction_at_open_pixels_never_matters(
    ground_truth: np.ndarray, prediction: np.ndarray, other: np.ndarray
) -> None:
    changed = np.where(ground_truth == 255, other, prediction)
    np.testing.assert_array_equal(
        boundary_counts(ground_truth, prediction, LABELS, 0.1),
        boundary_counts(ground_truth, changed, LABELS, 0.1),
    )


@given(GROUND_TRUTH)
def test_perfect_prediction_scores_one(ground_truth: np.ndarray) -> None:
    score = boundary_iou(
        boundary_counts(ground_truth, np.where(ground_truth == 255, 1, ground_truth), LABELS, 0.1)
    )
    assert score == 1 or not np.isin(ground_truth, [1, 2]).any()


def test_mean_is_over_foreground_classes_with_a_band() -> None:
    # The background (row 0) and class 3 (no band) do not count: (1/2 + 1/4) / 2.
    counts = np.array([[9, 9], [1, 2], [2, 8], [0, 0]])
    assert boundary_iou(counts) == pytest.approx(0.375)
    assert np.isnan(boundary_iou(np.zeros((3, 2), np.int64)))


def test_a_wide_band_is_the_whole_object() -> None:
    ground_truth = np.zeros((6, 9), np.uint8)
    prediction = ground_truth.copy()
    ground_truth[1:4, 1:5], prediction[2:5, 1:5] = 2, 2
    counts = boundary_counts(ground_truth, prediction, LABELS, 0.9)
    np.testing.assert_array_equal(counts[2], [8, 16])  # plain IoU: 2 rows of 4 / 4 rows of 4


@pytest.mark.parametrize("prediction", [np.full((2, 3), 255), np.full((2, 3), 3), np.zeros((3, 2), int)])
def test_unusable_predictions_are_refused(prediction: np.ndarray) -> None:
    with pytest.raises(ValueError, match="Expected"):
        boundary_counts(np.zeros((2, 3), int), prediction, LABELS, 0.02)
