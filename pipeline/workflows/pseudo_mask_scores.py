"""The scores of heatmaps and pseudo-masks of the training images that have ground truth."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline import paths
from pipeline.base.files import write_csv
from pipeline.base.parallel import parallel_stream
from pipeline.data.manifest import Sample, load_mask
from pipeline.evaluation.confusion import (
    ClassScores,
    Counts,
    confusion_matrix,
    mean_iou,
    pseudo_mask_counts,
    score_pseudo_masks,
)
from pipeline.evaluation.means import score_or_none
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.threshold import mask_at_threshold, upsample
from pipeline.masks.threshold_sweep import THRESHOLDS, confusion_by_threshold
from pipeline.workflows.confusion_file import write_confusion
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob

ImageScores = tuple[float | None, float | None]  # mIoU before and after refinement


@dataclass(frozen=True)
class ImageCounts:
    """Pixel counts of one image against its ground truth; the counts of images may be added."""

    name: str
    confusion_by_threshold: Counts  # (T, L, L) of the heatmaps
    seed: Counts  # (L, L) of the heatmaps at the threshold in use
    refined: Counts  # (L, L) after refinement
    mask: Counts  # (L, L + 1) of the published mask, open pixels last


def evaluate_image(job: PseudoMaskJob, sample: Sample) -> ImageCounts:
    """The counts of one image's heatmaps and masks."""
    ground_truth, labels = load_mask(paths.GROUND_TRUTH, sample), len(job.manifest.classes) + 1
    classes = np.array(sample.labels, int)
    heat = upsample(HeatmapStore(job.heat.folder).read(sample), ground_truth.shape)
    return ImageCounts(
        sample.name,
        confusion_by_threshold(ground_truth, heat, classes, labels),
        confusion_matrix(ground_truth, mask_at_threshold(heat, classes, job.heat.threshold), labels),
        confusion_matrix(ground_truth, load_mask(job.work / "refined", sample), labels),
        pseudo_mask_counts(ground_truth, load_mask(job.work / "masks", sample), labels),
    )


def write_mask_scores(
    job: PseudoMaskJob, scored: Sequence[Sample], folder: Path
) -> tuple[dict[str, object], dict[str, ImageScores]]:
    """Write the threshold sweep and the confusion; returns the metrics, and the scores by sample name."""
    labels = len(job.manifest.classes) + 1
    swept = np.zeros((len(THRESHOLDS), labels, labels), np.int64)
    seed, refined = np.zeros((labels, labels), np.int64), np.zeros((labels, labels), np.int64)
    masks = np.zeros((labels, labels + 1), np.int64)
    scores: dict[str, ImageScores] = {}
    for counts in parallel_stream(partial(evaluate_image, job), scored, description="scores"):
        swept += counts.confusion_by_threshold
        seed += counts.seed
        refined += counts.refined
        masks += counts.mask
        scores[counts.name] = score_or_none(mean_iou(counts.seed)), score_or_none(mean_iou(counts.refined))
    curve = np.array([mean_iou(confusion) for confusion in swept])
    write_confusion(folder / "confusion.csv", job.manifest.classes, refined)
    points = [
        {"threshold": round(float(threshold), 2), "miou": score_or_none(miou)}
        for threshold, miou in zip(THRESHOLDS, curve, strict=True)
        if scored
    ]
    write_csv(folder / "thresholds.csv", ("threshold", "miou"), points)
    return mask_metrics(job.heat.threshold, curve, seed, refined, masks), scores


def mask_metrics(
    threshold: float, curve: ClassScores, seed: Counts, refined: Counts, masks: Counts
) -> dict[str, object]:
    """The metrics of one method; the scores are null where no training image has ground truth."""
    scored = bool(seed.any())
    best = int(np.nanargmax(curve)) if scored else 0
    published = score_pseudo_masks(masks)
    return {
        "threshold": threshold,
        "heatmaps": {
            "threshold_chosen": threshold,
            "miou_chosen": score_or_none(mean_iou(seed)),
            "threshold_best": round(float(THRESHOLDS[best]), 2) if scored else None,
            "miou_best": score_or_none(curve[best]),
        },
        "pseudo_masks": {
            "miou": score_or_none(mean_iou(refined)),
            "precision": score_or_none(published.precision),
            "coverage": score_or_none(published.coverage),
        },
    }
