"""The confusion at every threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.evaluation.confusion import confusion_matrix
from pipeline.masks.threshold import mask_at_threshold
from pipeline.masks.threshold_sweep import THRESHOLDS, confusion_by_threshold, strongest

LABELS = 5
GRID = np.array([0.1, 0.25, 0.5, 0.7])
# Values on the thresholds themselves (ties with the background), also as float32 rounds them.
VALUES = st.one_of(st.sampled_from([0.0, *GRID, 1.0]), st.floats(0, 1, width=32))
HEAT = arrays(np.float32, (2, 3, 4), elements=VALUES.map(np.float32).map(float))
GROUND_TRUTH = arrays(np.uint8, (3, 4), elements=st.sampled_from([0, 1, 2, 3, 4, 255]))
CLASSES = np.array([3, 0])


@given(HEAT, GROUND_TRUTH)
def test_sweep_is_the_loop_over_thresholds(heat: np.ndarray, ground_truth: np.ndarray) -> None:
    expected = [confusion_matrix(ground_truth, mask_at_threshold(heat, CLASSES, t), LABELS) for t in GRID]
    np.testing.assert_array_equal(confusion_by_threshold(ground_truth, heat, CLASSES, LABELS, GRID), expected)


@pytest.mark.parametrize("classes", [[], [2], [1, 0, 3]])
def test_default_grid_is_the_loop_too(classes: list[int]) -> None:
    rng = np.random.default_rng(len(classes))
    heat = (rng.integers(51, size=(len(classes), 20, 30)) / 50).astype(np.float32)
    ground_truth = rng.choice([0, 1, 2, 3, 4, 255], size=(20, 30)).astype(np.uint8)
    confusion = confusion_by_threshold(ground_truth, heat, np.array(classes, int), LABELS)
    expected = [
        confusion_matrix(ground_truth, mask_at_threshold(heat, np.array(classes, int), t), LABELS)
        for t in THRESHOLDS
    ]
    np.testing.assert_array_equal(confusion, expected)
    assert confusion.dtype == np.int64


def test_sweep_by_hand() -> None:
    heat = np.array([[[0.3, 0.6, 0.2]], [[0.4, 0.5, 0.1]]], np.float32)
    ground_truth = np.array([[1, 2, 0]], np.uint8)
    # Class 0 is id 1, class 1 is id 2. At 0.25: labels 2, 1, 0. At 0.5: 0, 1, 0. At 0.7: all background.
    confusion = confusion_by_threshold(ground_truth, heat, np.array([0, 1]), 3, np.array([0.25, 0.5, 0.7]))
    np.testing.assert_array_equal(confusion[0], [[1, 0, 0], [0, 0, 1], [0, 1, 0]])
    np.testing.assert_array_equal(confusion[1], [[1, 0, 0], [1, 0, 0], [0, 1, 0]])
    np.testing.assert_array_equal(confusion[2], [[1, 0, 0], [1, 0, 0], [1, 0, 0]])


@given(HEAT, GROUND_TRUTH)
def test_foreground_shrinks_along_the_grid(heat: np.ndarray, ground_truth: np.ndarray) -> None:
    foreground = confusion_by_threshold(ground_truth, heat, CLASSES, LABELS)[:, :, 1:]
    assert np.all(np.diff(foreground, axis=0) <= 0)


def test_strongest_by_hand() -> None:
    # 0.5 ties with 0.5: the first map; no heat at all: 0.
    peak, winner = strongest(np.array([[[0.5, 0, 0.1]], [[0.5, 0, 0.2]]], np.float32))
    np.testing.assert_allclose(peak, [[0.5, 0, 0.2]])
    np.testing.assert_array_equal(winner, [[1, 0, 2]])


def test_default_grid_holds_the_round_thresholds() -> None:
    assert [float(t) for t in THRESHOLDS[[0, 1, -1]]] == [0.02, 0.04, 0.98]
    assert len(THRESHOLDS) == 49


def test_unusable_input_is_refused() -> None:
    heat = np.zeros((1, 3, 4), np.float32)
    with pytest.raises(ValueError, match="size"):
        confusion_by_threshold(np.zeros((4, 3), np.uint8), heat, np.array([0]), LABELS)
    with pytest.raises(ValueError, match="ground truth"):
        confusion_by_threshold(np.full((3, 4), 5, np.uint8), heat, np.array([0]), LABELS)
    with pytest.raises(ValueError, match="class"):
        confusion_by_threshold(np.zeros((3, 4), np.uint8), heat, np.array([4]), LABELS)
