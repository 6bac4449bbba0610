"""The lead of the winning score, by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.masks.confidence import confidence
from pipeline.masks.threshold import competition


def test_hand_computed_lead() -> None:
    # Scores [threshold, heat] and (largest - second) / sum, with the threshold 0.5:
    # [0.5, 0] 1; [0.5, 0.5] 0; [0.5, 1] 0.5 / 1.5 = 1/3; [0.5, 0.25] 0.25 / 0.75 = 1/3; then 1 and 0 again
    heat = np.array([[[0, 0.5, 1], [0.25, 0, 0.5]]], np.float32)
    assert confidence(heat, 0.5) == pytest.approx((1 + 0 + 1 / 3 + 1 / 3 + 1 + 0) / 6)


def test_hand_computed_lead_of_two_classes() -> None:
    # [0.4, 0.8, 0.8]: two classes are equal, 0; [0.4, 1, 0.6]: (1 - 0.6) / 2 = 0.2, the background is third
    heat = np.array([[[0.8, 1]], [[0.8, 0.6]]], np.float32)
    assert confidence(heat, 0.4) == pytest.approx((0 + 0.2) / 2)


def test_background_only_is_certain() -> None:
    assert confidence(np.zeros((0, 2, 3), np.float32), 0.3) == 1


@given(st.integers(1, 4), st.floats(0.05, 0.95), st.integers(0, 99))
def test_against_sorting_every_pixel(classes: int, threshold: float, seed: int) -> None:
    heat = np.random.default_rng(seed).random((classes, 3, 5)).astype(np.float32)
    scores = competition(heat, threshold)
    leads = []
    for row in range(3):
        for column in range(5):
            second, first = sorted(float(score) for score in scores[:, row, column])[-2:]
            leads.append(first - second)
    found = confidence(heat, threshold)
    assert found == pytest.approx(sum(leads) / 15, abs=1e-6)
    assert 0 <= found <= 1


def test_threshold_out_of_range_is_refused() -> None:
    with pytest.raises(ValueError, match=r"in \(0, 1\), got 1"):
        confidence(np.zeros((1, 2, 3), np.float32), 1)
