"""Confusion and IoU, also of masks with ignored pixels (255).

All counts are int64 and additive: sum the counts of all images of a set, then divide once. The mean of the
mIoUs of single images is another quantity.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.images import IGNORE
from pipeline.evaluation.means import mean_present

Ids = NDArray[np.integer[Any]]  # (H, W), or any shape that both sides share
Counts = NDArray[np.int64]
ClassScores = NDArray[np.float64]


@dataclass(frozen=True)
class PseudoMaskScores:
    """Shares in [0, 1]; NaN where nothing was labelled or scored."""

    miou: float  # over the labelled pixels; read it beside the coverage, leaving pixels open flatters it
    precision: float
    recall: float
    coverage: float


def confusion_matrix(ground_truth: Ids, prediction: Ids, label_count: int) -> Counts:
    """Pixels by true and predicted label, int64 (L, L): rows ground truth, columns prediction.

    Arguments as for `pseudo_mask_counts`, but a prediction must not hold 255: leaving pixels out flatters it.
    """
    if np.any(prediction == IGNORE):
        raise ValueError(
            "Expected a prediction with a label for every pixel, got 255 (ignore). Score masks that leave "
            "pixels open with pseudo_mask_counts."
        )
    return pseudo_mask_counts(ground_truth, prediction, label_count)[:, :label_count].copy()


def pseudo_mask_counts(ground_truth: Ids, mask: Ids, label_count: int) -> Counts:
    """Pixels by true label and label of the mask, int64 (L, L + 1): the last column counts the open pixels.

    Args:
        ground_truth: ids 0..L - 1, or 255 where a pixel is not scored.
        mask: ids 0..L - 1, or 255 where the mask leaves a pixel open; same shape.
        label_count: L, the background counted.

    Raises:
        ValueError: the shapes differ, or an id is out of range.
    """
    if ground_truth.shape != mask.shape:
        raise ValueError(
            f"Expected ground truth and prediction of one shape, got {ground_truth.shape} and {mask.shape}"
        )
    scored = ground_truth != IGNORE
    rows = check_ids("ground truth", ground_truth[scored], label_count)
    ids = mask[scored]
    labelled = ids != IGNORE
    columns = np.full(ids.shape, label_count, np.intp)
    columns[labelled] = check_ids("prediction", ids[labelled], label_count)
    shape = label_count, label_count + 1
    cells = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1])
    return cells.astype(np.int64).reshape(shape)


def iou_per_class(confusion: Counts) -> ClassScores:
    """IoU of each label, float64 (L,) in [0, 1]; NaN where the ground truth has no pixel of it.

    Nothing is known of such a label. Its wrong pixels lower the IoU of the labels that they truly have.
    """
    return np.where(confusion.sum(axis=1) > 0, label_ious(confusion), np.nan)


def mean_iou(confusion: Counts) -> float:
    """Mean IoU of a set over the labels in its ground truth, with the background; NaN without pixels."""
    return mean_present(iou_per_class(confusion))


def image_iou(confusion: Counts) -> float:
    """Mean IoU of an image over the labels in its ground truth or its prediction; NaN without pixels.

    The ground truth of an image says of each label whether the image shows it. That of a set does not.
    """
    return mean_present(label_ious(confusion))


def score_pseudo_masks(counts: Counts) -> PseudoMaskScores:
    """The scores of masks that may leave pixels open, from int64 (L, L + 1) of `pseudo_mask_counts`.

    * miou: mean IoU of the labelled pixels alone; an open pixel is left out on both sides.
    * precision: of the pixels labelled with a foreground class, the share that truly is of that class; the
      mean over the foreground classes of the ground truth that are labelled anywhere. The background is
      left out since it is large and easy. Classes weigh the same, as in the mIoU, so that a large class
      hides no small one.
    * recall: of the pixels that truly are of a foreground class, the share labelled with it; the mean over
      the foreground classes of the ground truth. Open pixels are missed.
    * coverage: labelled pixels / scored pixels.
    """
    labelled, true = counts[:, :-1], counts.sum(axis=1)
    precision = divide(np.diag(labelled), labelled.sum(axis=0))[1:][true[1:] > 0]
    recall = divide(np.diag(labelled), true)[1:]
    scored = counts.sum()
    coverage = float(labelled.sum() / scored) if scored else float("nan")
    return PseudoMaskScores(mean_iou(labelled), mean_present(precision), mean_present(recall), coverage)


def label_ious(confusion: Counts) -> ClassScores:
    """IoU of each label (L,); NaN of labels that neither side has."""
    intersection = np.diag(confusion)
    return divide(intersection, confusion.sum(axis=0) + confusion.sum(axis=1) - intersection)


def divide(part: Counts, whole: Counts) -> ClassScores:
    """`part / whole` as float64, NaN where `whole` is 0."""
    shares = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=shares, where=whole > 0)
    return shares


def check_ids(name: str, ids: Ids, label_count: int) -> NDArray[np.intp]:
    """`ids` as intp; ValueError with `name` for an id that is not in 0..label_count - 1."""
    if ids.size and not 0 <= ids.min() <= ids.max() < label_count:
        raise ValueError(f"Expected {name} ids 0..{label_count - 1} or 255, got {ids.min()}..{ids.max()}")
    return ids.astype(np.intp)
