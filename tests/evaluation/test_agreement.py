"""How far two sets of masks agree."""

import numpy as np
import pytest

from pipeline.evaluation.agreement import class_ious, confirmed_shares, measure_agreement

A = np.array([[0, 1, 1], [2, 2, 0]], np.uint8)
B = np.array([[1, 1, 0], [2, 2, 0]], np.uint8)
NOTHING = np.zeros((2, 3), np.uint8)


def test_by_hand() -> None:
    agreement = measure_agreement([("x", A, B), ("y", NOTHING, NOTHING), ("z", A, NOTHING)], 3, class_ious)
    # Class 1: 1 pixel in both, 3 in either in x; 2 more in z. Class 2: 2 of 2 in x, 2 more in z.
    np.testing.assert_allclose(agreement.of_classes, [1 / 5, 2 / 4, np.nan])
    assert agreement.mean == pytest.approx((1 / 5 + 2 / 4) / 2)
    assert agreement.of_images == {"x": pytest.approx((1 / 3 + 1) / 2), "z": 0}  # y has no class


@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize("opened", [[(0, 0), (0, 2)], [(0, 0)], []])
def test_open_pixels_do_not_count(opened: list[tuple[int, int]], swap: bool) -> None:
    first = A.copy()
    for place in opened:
        first[place] = 255
    pair = (B, first) if swap else (first, B)
    agreement = measure_agreement([("x", *pair)], 2, class_ious)
    np.testing.assert_allclose(agreement.of_classes, [1 / (3 - len(opened)), 1])


def test_without_images_nothing_is_known() -> None:
    agreement = measure_agreement([], 2, class_ious)
    assert np.isnan(agreement.mean)
    assert agreement.of_images == {}


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (A, A, [1, 1, np.nan]),
        (A, B, [1 / 2, 1, np.nan]),
        (A, NOTHING, [0, 0, np.nan]),
        (A, np.full_like(A, 1), [1, 0, np.nan]),  # finds more of class 1
        (NOTHING, A, [np.nan] * 3),
    ],
)
def test_what_a_second_set_confirms(first: np.ndarray, second: np.ndarray, expected: list[float]) -> None:
    confirmed = measure_agreement([("x", first, second)], 3, confirmed_shares)
    np.testing.assert_allclose(confirmed.of_classes, expected)
    assert confirmed.of_images == ({} if first is NOTHING else {"x": pytest.approx(np.nanmean(expected))})
