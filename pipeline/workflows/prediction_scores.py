"""The scores of predicted masks against ground truth, from counts that add up."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline import paths
from pipeline.base.parallel import in_blocks, parallel_stream
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import load_mask
from pipeline.evaluation.boundary import boundary_counts, boundary_iou
from pipeline.evaluation.confusion import Counts, confusion_matrix, image_iou, iou_per_class, mean_iou
from pipeline.evaluation.means import score_or_none
from pipeline.evaluation.standard_error import iou_parts
from pipeline.workflows.confusion_file import label_names
from pipeline.workflows.findings import FindingCounts, count_findings, no_findings


@dataclass(frozen=True)
class PredictionCounts:
    """Counts of one predicted mask, or of many; they may be added."""

    confusion: Counts  # (L, L)
    boundaries: Counts  # (L, 2), see `boundary_counts`
    findings: FindingCounts

    def __add__(self, other: "PredictionCounts") -> "PredictionCounts":
        return PredictionCounts(
            self.confusion + other.confusion,
            self.boundaries + other.boundaries,
            self.findings + other.findings,
        )


def no_prediction(labels: int) -> PredictionCounts:
    """The counts of no image."""
    return PredictionCounts(
        np.zeros((labels, labels), np.int64), np.zeros((labels, 2), np.int64), no_findings(labels)
    )


class ScoredPredictions(NamedTuple):
    """What is known of scored masks: their counts together, and little of each, for there may be many."""

    total: PredictionCounts
    parts: list[Counts]  # `iou_parts` of each image
    ious: list[float | None]  # the mIoU of each image


def count_predictions(
    samples: Sequence[Sample], predictions: Path, labels: int, boundary: float
) -> ScoredPredictions:
    """The counts of images, by several processes.

    Args:
        predictions: folder of the predicted masks.
        boundary: width of the boundary band, share of the diagonal of the image.
    """
    count = partial(_count_block, predictions, labels, boundary)
    scored = ScoredPredictions(no_prediction(labels), [], [])
    for total, parts, ious in parallel_stream(count, in_blocks(samples), description="scores"):
        scored = scored._replace(total=scored.total + total)
        scored.parts.extend(parts)
        scored.ious.extend(ious)
    return scored


def _count_block(
    predictions: Path, labels: int, boundary: float, samples: Sequence[Sample]
) -> ScoredPredictions:
    counts = [_count_image(predictions, labels, boundary, sample) for sample in samples]
    return ScoredPredictions(
        sum(counts, no_prediction(labels)),
        [iou_parts(image.confusion) for image in counts],
        [score_or_none(image_iou(image.confusion)) for image in counts],
    )


def _count_image(predictions: Path, labels: int, boundary: float, sample: Sample) -> PredictionCounts:
    ground_truth, prediction = load_mask(paths.GROUND_TRUTH, sample), load_mask(predictions, sample)
    return PredictionCounts(
        confusion_matrix(ground_truth, prediction, labels),
        boundary_counts(ground_truth, prediction, labels, boundary),
        count_findings(ground_truth, prediction, labels),
    )


def model_metrics(manifest: Manifest, confusion: Counts, boundaries: Counts) -> dict[str, object]:
    """The scores of one model over the classes that a scored mask shows; null where nothing was scored.

    The mIoU is null too where no scored mask shows a class: it would be that of the background alone.
    """
    names, per_class = label_names(manifest.classes), iou_per_class(confusion)
    shown = confusion.sum(axis=1) > 0
    if not manifest.background:
        names, per_class = names[1:], per_class[1:]
    return {
        "miou": score_or_none(mean_iou(confusion)) if shown[1:].any() else None,
        "iou_per_class": {name: score_or_none(iou) for name, iou in zip(names, per_class, strict=True)},
        "boundary_iou": score_or_none(boundary_iou(boundaries * shown[:, None])),
    }
