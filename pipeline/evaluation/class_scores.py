"""IoU, precision, recall and F1 of each label, from pixel counts."""

import numpy as np

from pipeline.evaluation.confusion import ClassScores, Counts, divide, iou_per_class


def score_classes(confusion: Counts) -> dict[str, ClassScores]:
    """The scores of each label, float64 (L,) in [0, 1]; NaN where the ground truth has no pixel of it.

    * iou: see `iou_per_class`.
    * precision: of the pixels predicted as the label, the share that truly is; NaN where none is predicted.
    * recall: of the pixels that truly are of the label, the share predicted as it.
    * f1: 2 TP / (2 TP + FP + FN), the Dice coefficient.

    Args:
        confusion: int64 (L, L), rows ground truth, columns prediction, summed over the set.
    """
    hits, predicted, true = np.diag(confusion), confusion.sum(axis=0), confusion.sum(axis=1)
    return {
        "iou": iou_per_class(confusion),
        "precision": np.where(true > 0, divide(hits, predicted), np.nan),
        "recall": divide(hits, true),
        "f1": np.where(true > 0, divide(2 * hits, predicted + true), np.nan),
    }
