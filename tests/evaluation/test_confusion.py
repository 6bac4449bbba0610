"""Confusion counts and what is scored from them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import confusion_matrix as sklearn_confusion

from pipeline.evaluation.confusion import (
    confusion_matrix,
    image_iou,
    iou_per_class,
    mean_iou,
    pseudo_mask_counts,
    score_pseudo_masks,
)

LABELS = 4
SIZE = (3, 5)
GROUND_TRUTH = arrays(np.uint8, SIZE, elements=st.sampled_from([0, 1, 2, 3, 255]))
PREDICTION = arrays(np.uint8, SIZE, elements=st.integers(0, LABELS - 1))
PSEUDO_MASK = GROUND_TRUTH

#  ground truth 0 1 1   prediction 0 1 0
#               2 . 0              2 2 1     (. is 255)
HAND_GROUND_TRUTH = np.array([[0, 1, 1], [2, 255, 0]], np.uint8)
HAND_PREDICTION = np.array([[0, 1, 0], [2, 2, 1]], np.uint8)


def test_confusion_by_hand() -> None:
    # True 0: pixels (0,0) -> 0 and (1,2) -> 1; true 1: (0,1) -> 1 and (0,2) -> 0; true 2: (1,0) -> 2.
    expected = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]
    confusion = confusion_matrix(HAND_GROUND_TRUTH, HAND_PREDICTION, LABELS)
    np.testing.assert_array_equal(confusion, expected)
    assert confusion.dtype == np.int64


def test_rows_are_truth() -> None:
    confusion = confusion_matrix(np.array([[0, 0, 1]]), np.array([[1, 1, 1]]), 2)
    np.testing.assert_array_equal(confusion, [[0, 2], [0, 1]])


def test_iou_by_hand() -> None:
    confusion = confusion_matrix(HAND_GROUND_TRUTH, HAND_PREDICTION, LABELS)
    # IoU 0: 1 hit / (2 true + 2 predicted - 1) = 1/3; 1: the same; 2: 1 / (1 + 1 - 1) = 1; 3: nowhere.
    np.testing.assert_allclose(iou_per_class(confusion), [1 / 3, 1 / 3, 1, np.nan])
    assert mean_iou(confusion) == pytest.approx((1 / 3 + 1 / 3 + 1) / 3)


def test_class_in_the_prediction_alone_counts_as_zero() -> None:
    # 0: 1 / (2 + 1 - 1) = 1/2; 1: predicted once, never true: 0; 2: absent. Mean over 0 and 1 = 1/4.
    confusion = confusion_matrix(np.array([[0, 0]]), np.array([[0, 1]]), 3)
    assert image_iou(confusion) == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("ground_truth", "prediction", "expected"),
    [
        # 0: 1 / (2 + 1 - 1) = 1/2; 1 and 2 have no true pixel.
        ([0, 0], [0, 1], [1 / 2, np.nan, np.nan]),
        # 0: 1 / 2; 2: 1 / (1 + 1 - 1) = 1; 1 takes a pixel of 0.
        ([0, 0, 2], [0, 1, 2], [1 / 2, np.nan, 1]),
        # 0: 1 / 1; 1 is never predicted: 0; 2 is predicted for 1.
        ([0, 1], [0, 2], [1, 0, np.nan]),
        # Without a true pixel of the background, as in data without one.
        ([1, 2], [1, 0], [np.nan, 1, 0]),
    ],
)
def test_a_set_has_no_score_of_a_class_without_a_true_pixel(
    ground_truth: list[int], prediction: list[int], expected: list[float]
) -> None:
    confusion = confusion_matrix(np.array([ground_truth]), np.array([prediction]), 3)
    np.testing.assert_allclose(iou_per_class(confusion), expected)
    assert mean_iou(confusion) == pytest.approx(np.nanmean(expected))
    counts = np.pad(confusion, ((0, 0), (0, 1)))
    known = [confusion[i, i] / confusion[:, i].sum() for i in (1, 2) if i in ground_truth and i in prediction]
    precision = score_pseudo_masks(counts).precision
    np.testing.assert_equal(precision, np.mean(known) if known else np.nan)


def test_mean_iou_of_nothing_is_nan() -> None:
    assert np.isnan(mean_iou(np.zeros((3, 3), np.int64)))


def test_set_score_is_not_the_mean_of_image_scores() -> None:
    one = confusion_matrix(np.array([[0, 1, 1, 1]]), np.array([[0, 1, 1, 1]]), 2)
    two = confusion_matrix(np.array([[0, 1, 0, 0]]), np.array([[0, 0, 0, 0]]), 2)
    # Set: 0: 4 / (4 + 5 - 4) = 4/5; 1: 3 / (4 + 3 - 3) = 3/4. Mean of images: (1 + (3/4 + 0) / 2) / 2.
    assert mean_iou(one + two) == pytest.approx((4 / 5 + 3 / 4) / 2)


@given(GROUND_TRUTH, PREDICTION)
def test_against_sklearn(ground_truth: np.ndarray, prediction: np.ndarray) -> None:
    scored = ground_truth != 255
    ours = confusion_matrix(ground_truth, prediction, LABELS)
    if scored.any():
        expected = sklearn_confusion(ground_truth[scored], prediction[scored], labels=range(LABELS))
        np.testing.assert_array_equal(ours, expected)
    else:
        assert not ours.any()


@given(GROUND_TRUTH, GROUND_TRUTH, PSEUDO_MASK, PSEUDO_MASK)
def test_counts_are_additive(t1: np.ndarray, t2: np.ndarray, p1: np.ndarray, p2: np.ndarray) -> None:
    both = pseudo_mask_counts(np.hstack([t1, t2]), np.hstack([p1, p2]), LABELS)
    np.testing.assert_array_equal(
        both, pseudo_mask_counts(t1, p1, LABELS) + pseudo_mask_counts(t2, p2, LABELS)
    )


@given(GROUND_TRUTH, PREDICTION, st.permutations(range(LABELS)))
def test_permuted_labels_permute_the_confusion(
    ground_truth: np.ndarray, prediction: np.ndarray, order: list[int]
) -> None:
    renamed = np.append(order, np.zeros(252)).astype(np.uint8)
    renamed[255] = 255
    ours = confusion_matrix(renamed[ground_truth], renamed[prediction], LABELS)
    np.testing.assert_array_equal(
        ours[np.ix_(order, order)], confusion_matrix(ground_truth, prediction, LABELS)
    )


@given(GROUND_TRUTH, PSEUDO_MASK)
def test_pseudo_mask_counts_against_a_loop(ground_truth: np.ndarray, mask: np.ndarray) -> None:
    expected = np.zeros((LABELS, LABELS + 1), int)
    for true, label_in_mask in zip(ground_truth.ravel(), mask.ravel(), strict=True):
        if true != 255:
            expected[true, LABELS if label_in_mask == 255 else label_in_mask] += 1
    np.testing.assert_array_equal(pseudo_mask_counts(ground_truth, mask, LABELS), expected)


def test_pseudo_mask_scores_by_hand() -> None:
    ground_truth = np.array([[0, 0, 1, 1, 1], [2, 2, 255, 0, 1]], np.uint8)
    mask = np.array([[0, 255, 1, 2, 1], [2, 255, 1, 1, 255]], np.uint8)
    # Scored 9 pixels, labelled 6 (open: (0,1), (1,1), (1,4)): coverage 6/9.
    # Labelled as 1: (0,2) and (0,4) right, (1,3) wrong: 2/3. As 2: (1,0) right, (0,3) wrong: 1/2.
    # Truly 1: (0,2) and (0,4) found, (0,3) and (1,4) not: 2/4. Truly 2: (1,0) found, (1,1) open: 1/2.
    # IoU on the labelled: 0: 1 / (2 + 1 - 1) = 1/2; 1: 2 / (3 + 3 - 2) = 1/2; 2: 1 / (1 + 2 - 1) = 1/2.
    scores = score_pseudo_masks(pseudo_mask_counts(ground_truth, mask, 4))
    assert scores.coverage == pytest.approx(6 / 9)
    assert scores.precision == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert scores.recall == pytest.approx((2 / 4 + 1 / 2) / 2)
    assert scores.miou == pytest.approx(1 / 2)


@given(GROUND_TRUTH, PREDICTION)
def test_full_coverage_gives_the_plain_miou(ground_truth: np.ndarray, prediction: np.ndarray) -> None:
    scores = score_pseudo_masks(pseudo_mask_counts(ground_truth, prediction, LABELS))
    expected = mean_iou(confusion_matrix(ground_truth, prediction, LABELS))
    np.testing.assert_equal(
        (scores.miou, scores.coverage), (expected, 1.0 if (ground_truth != 255).any() else np.nan)
    )


def test_scores_of_nothing_are_nan() -> None:
    scores = score_pseudo_masks(np.zeros((3, 4), np.int64))
    assert np.isnan([scores.miou, scores.precision, scores.recall, scores.coverage]).all()


def test_ignore_in_a_prediction_is_refused_even_where_ground_truth_is_open() -> None:
    with pytest.raises(ValueError, match="255"):
        confusion_matrix(np.array([[0, 255]]), np.array([[0, 255]]), 2)


@pytest.mark.parametrize(
    ("ground_truth", "prediction"), [([[0, 3]], [[0, 1]]), ([[0, 1]], [[0, 3]]), ([[0, -1]], [[0, 0]])]
)
def test_ids_out_of_range_are_refused(ground_truth: list[list[int]], prediction: list[list[int]]) -> None:
    with pytest.raises(ValueError, match=r"ids 0\.\.2"):
        confusion_matrix(np.array(ground_truth), np.array(prediction), 3)


def test_shapes_must_agree() -> None:
    with pytest.raises(ValueError, match=r"\(2, 3\) and \(3, 2\)"):
        confusion_matrix(np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8), 2)
