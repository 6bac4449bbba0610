"""Confidence by hand, and what must not change it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.masks.confidence import mask_confidence

# Background and two labels on 2 x 3 pixels; each pixel sums to 1.
PROBABILITIES = np.array(
    [
        [[0.8, 0.2, 0.1], [0.6, 0.5, 0.3]],
        [[0.1, 0.7, 0.1], [0.3, 0.4, 0.3]],
        [[0.1, 0.1, 0.8], [0.1, 0.1, 0.4]],
    ],
    np.float32,
)
IDS = np.array([0, 2, 5], np.uint8)


def confidence(mask: list[list[int]], ids: np.ndarray = IDS) -> float:
    return mask_confidence(np.array(mask, np.uint8), PROBABILITIES[: len(ids)], ids)


def test_mean_over_labels_of_the_mean_over_their_pixels() -> None:
    # label 2: 0.7; label 5: (0.8 + 0.4) / 2; the background is not asked
    assert confidence([[0, 2, 5], [0, 0, 5]]) == pytest.approx((0.7 + 0.6) / 2)


def test_open_pixels_do_not_count() -> None:
    # label 2: 0.7; label 5: 0.8
    assert confidence([[0, 2, 5], [0, 255, 255]]) == pytest.approx((0.7 + 0.8) / 2)
    assert confidence([[255] * 3] * 2, IDS[:1]) == 0


def test_a_label_that_was_not_found_counts_nothing() -> None:
    # label 2: 0.7; label 5: 0
    assert confidence([[0, 2, 0], [0, 0, 0]]) == pytest.approx((0.7 + 0) / 2)
    # label 2: (0.1 + 0.7 + 0.3 + 0.4) / 4; label 5: (0.8 + 0.4) / 2
    assert confidence([[2, 2, 5], [2, 2, 5]]) == pytest.approx((1.5 / 4 + 0.6) / 2)


def test_the_background_counts_where_there_is_nothing_else() -> None:
    # (0.8 + 0.2 + 0.1 + 0.6 + 0.5) / 5
    assert confidence([[0, 0, 0], [0, 0, 255]], IDS[:1]) == pytest.approx(2.2 / 5)


def test_an_image_without_labels_is_sure() -> None:
    assert mask_confidence(np.zeros((2, 3), np.uint8), np.ones((1, 2, 3), np.float32), IDS[:1]) == 1


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Expected the ids \[0, 2, 5\] or 255 in the mask, got \[3\]"):
        confidence([[0, 2, 5], [0, 3, 5]])
    with pytest.raises(ValueError, match="Expected 3 x"):
        mask_confidence(np.zeros((3, 2), np.uint8), PROBABILITIES, IDS)


@given(st.integers(0, 2**32 - 1), st.permutations(range(3)))
def test_order_of_labels_and_pixels_does_not_matter(seed: int, order: list[int]) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.random((3, 4, 7), np.float32)
    probabilities = weights / weights.sum(0)
    mask = rng.choice(np.append(IDS, 255), (4, 7)).astype(np.uint8)
    result = mask_confidence(mask, probabilities, IDS)
    assert 0 <= result <= 1
    again = mask_confidence(mask[:, ::-1], probabilities[order][:, :, ::-1], IDS[order])
    assert again == pytest.approx(result)
