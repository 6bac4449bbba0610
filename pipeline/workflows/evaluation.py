"""The predictions of a segmentation model and their scores, at the size of the images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline import paths
from pipeline.base.files import write_csv, write_json
from pipeline.data.manifest import Manifest, Sample
from pipeline.errors import UserError
from pipeline.evaluation.means import score_or_none
from pipeline.evaluation.standard_error import miou_standard_error
from pipeline.params import Params
from pipeline.workflows.confidence import IMAGES
from pipeline.workflows.confusion_file import write_confusion
from pipeline.workflows.findings import Findings, image_findings, pixel_findings
from pipeline.workflows.predicted_masks import PredictedSamples, predict_samples
from pipeline.workflows.prediction_scores import (
    PredictionCounts,
    count_predictions,
    model_metrics,
)


def evaluate(supervision: str, manifest: Manifest, params: Params, work: Path) -> None:
    """Write the predicted masks into `work/masks`, and their scores; null scores where there is no model."""
    samples, labels = evaluated_samples(manifest, params), len(manifest.classes) + 1
    predicted = predict_samples(supervision, manifest, samples, params, work)
    seen = [sample for sample in samples if sample.name in predicted.confidences]
    scored = [sample for sample in seen if sample.score]
    counts = count_predictions(scored, work / "masks", labels, params.evaluation.boundary)
    total, folder = counts.total, paths.REPORTS / "evaluation" / supervision
    metrics = model_metrics(manifest, total.confusion, total.boundaries)
    known = metrics["miou"] is not None
    metrics["miou_standard_error"] = score_or_none(miou_standard_error(counts.parts)) if known else None
    metrics["findings"] = all_findings(manifest, seen, predicted, total)
    write_json(folder / "metrics.json", {"split": params.evaluation.split} | metrics)
    write_confusion(
        folder / "confusion.csv", manifest.classes, total.confusion, background=manifest.background
    )
    miou = {sample.name: iou for sample, iou in zip(scored, counts.ious, strict=True)}
    rows = [
        {"name": name, "confidence": round(confidence, 6), "miou": miou.get(name)}
        for name, confidence in predicted.confidences.items()
    ]
    write_csv(folder / IMAGES, ("name", "confidence", "miou"), rows)


def evaluated_samples(manifest: Manifest, params: Params) -> tuple[Sample, ...]:
    """The images of `evaluation.split`; a `UserError` if the data has none."""
    split = params.evaluation.split
    samples = manifest.split(split)
    if not samples:
        raise UserError(f"evaluation.split: expected images of the split `{split}`, the data has none")
    return samples


def all_findings(
    manifest: Manifest, seen: Sequence[Sample], predicted: PredictedSamples, total: PredictionCounts
) -> Findings:
    """The scores of each class, by its pixels and by whole images, of the images that were predicted."""
    by_pixel = pixel_findings(manifest, total.confusion, total.findings, predicted.histograms)
    by_image = image_findings(manifest, seen, predicted.highest.astype(np.float64))
    return {name: scores | by_image[name] for name, scores in by_pixel.items()}
