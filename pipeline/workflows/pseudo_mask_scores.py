"""The scores of heatmaps and pseudo-masks of the training images that have ground truth."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline.base.files import write_csv
from pipeline.data.arrays import ClassIndices, Heatmaps
from pipeline.data.images import Mask
from pipeline.evaluation.confusion import (
    ClassScores,
    Counts,
    confusion_matrix,
    mean_iou,
    pseudo_mask_counts,
    score_pseudo_masks,
)
from pipeline.evaluation.means import score_or_none
from pipeline.masks.pseudo_masks import PseudoMask
from pipeline.masks.threshold import Threshold, mask_at_threshold
from pipeline.masks.threshold_sweep import THRESHOLDS, confusion_by_threshold
from pipeline.workflows.confusion_file import write_confusion


@dataclass(frozen=True)
class MaskCounts:
    """Pixel counts of one image, or of many, against the ground truth; they may be added."""

    by_threshold: Counts  # (T, L, L) of the heatmaps
    seed: Counts  # (L, L) of the heatmaps at the threshold in use
    refined: Counts  # (L, L) after refinement
    mask: Counts  # (L, L + 1) of the published mask, open pixels last

    def __add__(self, other: "MaskCounts") -> "MaskCounts":
        return MaskCounts(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


def no_counts(labels: int) -> MaskCounts:
    """The counts of no image."""
    shapes = (len(THRESHOLDS), labels, labels), (labels, labels), (labels, labels), (labels, labels + 1)
    return MaskCounts(*(np.zeros(shape, np.int64) for shape in shapes))


def count_image(
    ground_truth: Mask,
    heatmaps: Heatmaps,
    classes: ClassIndices,
    threshold: Threshold,
    made: PseudoMask,
    labels: int,
) -> MaskCounts:
    """The counts of one image's heatmaps (P, H, W), in use at `threshold`, and of its masks.

    Without background there is no threshold to vary, and `by_threshold` counts nothing.
    """
    by_threshold = no_counts(labels).by_threshold
    if threshold is not None:
        by_threshold = confusion_by_threshold(ground_truth, heatmaps, classes, labels)
    return MaskCounts(
        by_threshold,
        confusion_matrix(ground_truth, mask_at_threshold(heatmaps, classes, threshold), labels),
        confusion_matrix(ground_truth, made.refined, labels),
        pseudo_mask_counts(ground_truth, made.mask, labels),
    )


def write_mask_scores(
    counts: MaskCounts, threshold: Threshold, classes: tuple[str, ...], folder: Path, *, scored: bool
) -> dict[str, object]:
    """Write the threshold sweep and the confusion; returns the metrics.

    Args:
        counts: the sum over the images.
        threshold: the one in use.
        scored: whether an image has ground truth.
    """
    curve = np.array([mean_iou(confusion) for confusion in counts.by_threshold])
    write_confusion(folder / "confusion.csv", classes, counts.refined, background=threshold is not None)
    points = [
        {"threshold": round(float(threshold), 2), "miou": score_or_none(miou)}
        for threshold, miou in zip(THRESHOLDS, curve, strict=True)
        if scored and counts.by_threshold.any()
    ]
    write_csv(folder / "thresholds.csv", ("threshold", "miou"), points)
    return mask_metrics(threshold, curve, counts)


def mask_metrics(threshold: Threshold, curve: ClassScores, counts: MaskCounts) -> dict[str, object]:
    """The metrics of one method; the scores are null where no training image has ground truth.

    Each mIoU is null too where no scored mask shows a class: it would be that of the background alone.
    """
    shown, swept = bool(counts.mask[1:].any()), bool(counts.by_threshold[:, 1:].any())
    best = int(np.nanargmax(curve)) if swept else 0
    published = score_pseudo_masks(counts.mask)
    return {
        "threshold": threshold,
        "heatmaps": {
            "threshold_chosen": threshold,
            "miou_chosen": score_or_none(mean_iou(counts.seed)) if shown else None,
            "threshold_best": round(float(THRESHOLDS[best]), 2) if swept else None,
            "miou_best": score_or_none(curve[best]) if swept else None,
        },
        "pseudo_masks": {
            "miou": score_or_none(mean_iou(counts.refined)) if shown else None,
            "precision": score_or_none(published.precision),
            "recall": score_or_none(published.recall),
            "coverage": score_or_none(published.coverage),
        },
    }
