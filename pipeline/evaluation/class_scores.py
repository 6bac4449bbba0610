"""IoU, precision, recall and F1 of each label, from pixel counts."""

import numpy as np

from pipeline.evaluation.confusion import ClassScores, Counts, divide, iou_per_class


def score_classes(confusion: Counts) -> dict[str, ClassScores]:
    """The scores of each label, float64 (L,) in [0, 1], by name.

    * iou: as `iou_per_class`.
    * precision: of the pixels predicted as the label, the share that truly is; NaN where none is predicted.
    * recall: of the pixels that truly are of the label, the share predicted; NaN where none is.
    * f1: 2 TP / (2 TP + FP + FN), the Dice coefficient; NaN where neither has the label.

    Args:
        confusion: int64 (L, L), rows ground truth, columns prediction, summed over the set.
    """
    hits = np.diag(confusion)
    predicted, true = confusion.sum(axis=0), confusion.sum(axis=1)
    return {
        "iou": iou_per_class(confusion),
        "precision": divide(hits, predicted),
        "recall": divide(hits, true),
        "f1": divide(2 * hits, predicted + true),
    }
