"""Confusion counts, the intersection over union, and the scores of masks that leave pixels open.

All counts are int64 and additive: sum them over the images of a set, then score once. A mean of per-image
scores is another quantity, and is not offered.
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
    coverage: float


def confusion_matrix(ground_truth: Ids, prediction: Ids, labels: int) -> Counts:
    """Count pixels by true and predicted label.

    Args:
        ground_truth: ids 0..labels - 1, or 255 where a pixel is not scored.
        prediction: ids 0..labels - 1, same shape.
        labels: L, the background counted.

    Returns:
        int64 (L, L): rows ground truth, columns prediction.

    Raises:
        ValueError: the shapes differ, an id is out of range, or the prediction holds 255: leaving pixels
            out of a prediction flatters it (`pseudo_mask_counts` reports them).
    """
    if np.any(prediction == IGNORE):
        raise ValueError(
            "Expected a prediction with a label for every pixel, got 255 (ignore). Score masks that leave "
            "pixels open with pseudo_mask_counts."
        )
    return pseudo_mask_counts(ground_truth, prediction, labels)[:, :labels].copy()


def pseudo_mask_counts(ground_truth: Ids, mask: Ids, labels: int) -> Counts:
    """Count pixels by true and given label, and the pixels left open.

    Args:
        ground_truth: ids 0..labels - 1, or 255 where a pixel is not scored.
        mask: ids 0..labels - 1, or 255 where the mask leaves a pixel open; same shape.
        labels: L, the background counted.

    Returns:
        int64 (L, L + 1): rows ground truth, columns the given label; the last column counts the open pixels.

    Raises:
        ValueError: the shapes differ, or an id is out of range.
    """
    if ground_truth.shape != mask.shape:
        raise ValueError(
            f"Expected ground truth and prediction of one shape, got {ground_truth.shape} and {mask.shape}"
        )
    scored = ground_truth != IGNORE
    rows = check_ids("ground truth", ground_truth[scored], labels)
    given = mask[scored]
    labelled = given != IGNORE
    columns = np.full(given.shape, labels, np.intp)
    columns[labelled] = check_ids("prediction", given[labelled], labels)
    cells = np.bincount(rows * (labels + 1) + columns, minlength=labels * (labels + 1))
    return cells.astype(np.int64).reshape(labels, labels + 1)


def iou_per_class(confusion: Counts) -> ClassScores:
    """Intersection over union of each label, from int64 (L, L).

    Returns:
        float64 (L,) in [0, 1]; NaN where a label is in neither ground truth nor prediction.
    """
    intersection = np.diag(confusion)
    union = confusion.sum(axis=0) + confusion.sum(axis=1) - intersection
    return divide(intersection, union)


def mean_iou(confusion: Counts) -> float:
    """Mean IoU over the labels in ground truth or prediction, with the background; NaN without pixels."""
    return mean_present(iou_per_class(confusion))


def score_pseudo_masks(counts: Counts) -> PseudoMaskScores:
    """Score masks that may leave pixels open, from int64 (L, L + 1) of `pseudo_mask_counts`.

    * miou: mean IoU of the labelled pixels alone, an open pixel being left out on both sides.
    * precision: of the pixels labelled with a foreground class, the share that truly is of that class; the
      mean over the foreground classes that are labelled anywhere. The background is left out since it is
      large and easy, and classes weigh the same, as in the mIoU, so that a large class hides no small one.
    * coverage: labelled pixels / scored pixels.
    """
    labelled = counts[:, :-1]
    precision = divide(np.diag(labelled), labelled.sum(axis=0))[1:]
    scored = counts.sum()
    coverage = float(labelled.sum() / scored) if scored else float("nan")
    return PseudoMaskScores(mean_iou(labelled), mean_present(precision), coverage)


def divide(part: Counts, whole: Counts) -> ClassScores:
    """`part / whole` as float64, NaN where `whole` is 0."""
    out = np.full(whole.shape, np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out


def check_ids(name: str, ids: Ids, labels: int) -> NDArray[np.intp]:
    """`ids` as intp, if all are in 0..labels - 1.

    Raises:
        ValueError: an id is out of range; the message names `name`.
    """
    if ids.size and not 0 <= ids.min() <= ids.max() < labels:
        raise ValueError(f"Expected {name} ids 0..{labels - 1} or 255, got {ids.min()}..{ids.max()}")
    return ids.astype(np.intp)
