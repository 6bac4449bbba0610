"""Masks of the training images from a store of heatmaps, and their scores where true masks exist.

Corrected masks take the place of those from heatmaps. They train, so they are left out of all scores.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline import paths
from pipeline.base.files import write_bytes, write_csv, write_json, write_text
from pipeline.base.parallel import parallel_map, parallel_stream
from pipeline.base.work import publish
from pipeline.data.images import IGNORE, write_mask
from pipeline.data.manifest import Manifest, Sample, load_mask, mask_path
from pipeline.evaluation.confusion import (
    Counts,
    Scores,
    confusion_matrix,
    mean_iou,
    pseudo_mask_counts,
    score_pseudo_masks,
)
from pipeline.evaluation.means import score_or_none
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.confidence import heat_confidence
from pipeline.masks.pseudo_masks import make_pseudo_mask
from pipeline.masks.sweep import THRESHOLDS, sweep
from pipeline.masks.threshold import Normalisation, label_map, normalised_scores, upsample
from pipeline.params import PseudoMaskParams
from pipeline.workflows.confidence import IMAGES
from pipeline.workflows.confusion_file import write_confusion

ImageScores = tuple[float | None, float | None]  # mIoU before and after refinement

COLUMNS = ("name", "confidence", "corrected", "miou_before", "miou_after")  # of the images


@dataclass(frozen=True)
class ThresholdedHeat:
    """Heatmaps and the background score that they compete with."""

    folder: Path  # of `HeatmapStore`
    threshold: float  # in use: given or chosen
    normalise: Normalisation = normalised_scores  # how heat and threshold become probabilities


@dataclass(frozen=True)
class MaskingJob:
    """What the workers need besides the sample: paths and values, no arrays."""

    manifest: Manifest
    heat: ThresholdedHeat  # what the masks are made of
    judge: ThresholdedHeat  # what their confidence comes from: what two opinions share is sure
    work: Path  # for unfinished work
    params: PseudoMaskParams


@dataclass(frozen=True)
class MaskQuality:
    """What one published mask says of itself; no true mask is needed."""

    confidence: float  # in [0, 1], see `mask_confidence`
    ignored: float  # share of its pixels that are left open


@dataclass(frozen=True)
class ImageCounts:
    """Pixel counts of one image against its true mask; each is additive over images."""

    name: str
    sweep: Counts  # (T, L, L) of the heatmaps
    seed: Counts  # (L, L) at the threshold in use
    refined: Counts  # (L, L) after refinement
    mask: Counts  # (L, L + 1) of the published mask, open pixels last


def make_masks(stage: str, target: str, job: MaskingJob, samples: Sequence[Sample]) -> None:
    """Write `data/masks/TARGET` and `reports/pseudo_masks/TARGET`, then clear the work of `stage`."""
    corrected = [sample for sample in samples if mask_path(paths.CORRECTED, sample).exists()]
    uncorrected = [sample for sample in samples if not mask_path(paths.CORRECTED, sample).exists()]
    done = (job.work / "masks", job.work / "refined")  # both: one without the other was killed in `publish`
    todo = [
        sample for sample in uncorrected if not all(mask_path(folder, sample).exists() for folder in done)
    ]
    parallel_map(partial(make_one, job), todo, description=f"pseudo-masks ({target})")
    for sample in corrected:
        content = mask_path(paths.CORRECTED, sample).read_bytes()
        write_bytes(mask_path(job.work / "masks", sample), content)
    names = "".join(f"{sample.name}\n" for sample in corrected)
    write_text(job.work / "masks" / paths.BY_HAND, names)
    quality = parallel_map(partial(mask_quality, job), uncorrected, description="confidence")
    folder = paths.REPORTS / "pseudo_masks" / target
    metrics, scores = write_scores(job, [sample for sample in uncorrected if sample.score], folder)
    notes = {"corrected": len(corrected), "quality": summarise_quality(quality)}
    write_json(folder / "metrics.json", {**notes, **metrics})
    confidences = {s.name: q.confidence for s, q in zip(uncorrected, quality, strict=True)}
    write_csv(folder / IMAGES, COLUMNS, [image_row(s, confidences, scores) for s in samples])
    publish(stage, {job.work / "masks": paths.MASKS / target})


def image_row(
    sample: Sample, confidences: Mapping[str, float], scores: Mapping[str, ImageScores]
) -> dict[str, object]:
    """What is written of one image; a mask without a confidence of its own was corrected by hand."""
    before, after = scores.get(sample.name, (None, None))
    return {
        "name": sample.name,
        "confidence": round(confidences.get(sample.name, 1.0), 6),
        "corrected": int(sample.name not in confidences),
        "miou_before": before,
        "miou_after": after,
    }


def make_one(job: MaskingJob, sample: Sample) -> None:
    """Write the pseudo-mask of one image and its refined labels, which are for the scores."""
    pseudo_mask = make_pseudo_mask(
        job.manifest.image(sample),
        HeatmapStore(job.heat.folder).read(sample),
        np.array(sample.labels, int),
        job.heat.threshold,
        job.params,
        job.heat.normalise,
    )
    write_mask(mask_path(job.work / "masks", sample), pseudo_mask.mask)
    write_mask(mask_path(job.work / "refined", sample), pseudo_mask.refined)


def mask_quality(job: MaskingJob, sample: Sample) -> MaskQuality:
    """The confidence of one published mask and its open pixels, by the heatmaps of `job.judge`."""
    mask, judge = load_mask(job.work / "masks", sample), job.judge
    stored = HeatmapStore(judge.folder).read(sample)
    confidence = heat_confidence(mask, stored, np.array(sample.labels, int), judge.threshold, judge.normalise)
    return MaskQuality(confidence, float((mask == IGNORE).mean()))


def evaluate_image(job: MaskingJob, sample: Sample) -> ImageCounts:
    """Compare one image's heatmaps and masks with its true mask."""
    truth, labels = load_mask(paths.TRUE_MASKS, sample), len(job.manifest.classes) + 1
    classes = np.array(sample.labels, int)
    heat = upsample(HeatmapStore(job.heat.folder).read(sample), truth.shape)
    return ImageCounts(
        sample.name,
        sweep(truth, heat, classes, labels),
        confusion_matrix(truth, label_map(heat, classes, job.heat.threshold), labels),
        confusion_matrix(truth, load_mask(job.work / "refined", sample), labels),
        pseudo_mask_counts(truth, load_mask(job.work / "masks", sample), labels),
    )


def write_scores(
    job: MaskingJob, scored: Sequence[Sample], folder: Path
) -> tuple[dict[str, object], dict[str, ImageScores]]:
    """Write the threshold sweep and the confusion matrix; the metrics, and the scores by sample name."""
    labels = len(job.manifest.classes) + 1
    swept = np.zeros((len(THRESHOLDS), labels, labels), np.int64)
    seed, refined = np.zeros((labels, labels), np.int64), np.zeros((labels, labels), np.int64)
    masks = np.zeros((labels, labels + 1), np.int64)
    scores: dict[str, ImageScores] = {}
    for counts in parallel_stream(partial(evaluate_image, job), scored, description="scores"):
        swept += counts.sweep
        seed += counts.seed
        refined += counts.refined
        masks += counts.mask
        before, after = mean_iou(counts.seed), mean_iou(counts.refined)
        scores[counts.name] = score_or_none(before), score_or_none(after)
    curve = np.array([mean_iou(confusion) for confusion in swept])
    write_confusion(folder / "confusion.csv", job.manifest.classes, refined)
    points = [
        {"threshold": round(float(t), 2), "miou": score_or_none(miou)}
        for t, miou in zip(THRESHOLDS, curve, strict=True)
        if scored
    ]
    write_csv(folder / "thresholds.csv", ("threshold", "miou"), points)
    return summarise(job.heat.threshold, curve, seed, refined, masks), scores


def summarise(
    threshold: float, curve: Scores, seed: Counts, refined: Counts, masks: Counts
) -> dict[str, object]:
    """The metrics of one method; the scores are null where no training image has a mask to score with."""
    known = bool(seed.any())
    best = int(np.nanargmax(curve)) if known else 0
    published = score_pseudo_masks(masks)
    return {
        "threshold": threshold,
        "heatmaps": {
            "threshold_chosen": threshold,
            "miou_chosen": score_or_none(mean_iou(seed)),
            "threshold_best": round(float(THRESHOLDS[best]), 2) if known else None,
            "miou_best": score_or_none(curve[best]),
        },
        "pseudo_masks": {
            "miou": score_or_none(mean_iou(refined)),
            "precision": score_or_none(published.precision),
            "coverage": score_or_none(published.coverage),
        },
    }


def summarise_quality(found: Sequence[MaskQuality]) -> dict[str, float | None]:
    """Means over the masks; null where there are none."""
    if not found:
        return {"confidence": None, "ignored": None}
    confidence, ignored = np.mean([(q.confidence, q.ignored) for q in found], axis=0)
    return {"confidence": float(confidence), "ignored": float(ignored)}
