"""The predictions of a segmentation model and their scores, at the size of the images."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline import paths
from pipeline.base.files import write_csv, write_json
from pipeline.data.images import write_mask
from pipeline.data.manifest import Manifest, Sample, load_mask, mask_path
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.errors import UserError
from pipeline.evaluation.boundary import boundary_counts, boundary_iou
from pipeline.evaluation.confusion import Counts, confusion_matrix, iou_per_class, mean_iou
from pipeline.evaluation.means import score_or_none
from pipeline.params import CrfParams, EvaluationParams
from pipeline.segmentation.network import load_segmentation_net
from pipeline.workflows.confidence import IMAGES
from pipeline.workflows.confusion_file import write_confusion
from pipeline.workflows.prediction import predict_with_confidence

COLUMNS = ("name", "confidence", "miou")  # of the images


@dataclass(frozen=True)
class Evaluation:
    """Which model is evaluated, on which images, and how."""

    supervision: str
    manifest: Manifest
    params: EvaluationParams
    crf: CrfParams

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The images of `evaluation.split`.

        Raises:
            UserError: there are none.
        """
        split = self.params.split
        samples = self.manifest.split(split)
        if not samples:
            raise UserError(f"evaluation.split: expected images of the split `{split}`, the data has none")
        return samples

    @property
    def predictions(self) -> Path:
        """The folder of the predicted masks."""
        return paths.PREDICTIONS / self.supervision

    @property
    def reports(self) -> Path:
        """The folder of the scores."""
        return paths.REPORTS / "evaluation" / self.supervision


def evaluate(task: Evaluation) -> None:
    """Write the predicted masks and their scores; no mask and null scores where there is no model."""
    confidences = predict_split(task)
    names = ("background", *task.manifest.classes)
    confusion = np.zeros((len(names), len(names)), np.int64)
    outlines = np.zeros((len(names), 2), np.int64)
    scores = {}
    for sample in (s for s in task.samples if s.name in confidences and s.score):
        own, bands = prediction_counts(task, sample)
        confusion += own
        outlines += bands
        scores[sample.name] = score_or_none(mean_iou(own))
    write_json(task.reports / "metrics.json", model_metrics(task, names, confusion, outlines))
    write_confusion(task.reports / "confusion.csv", task.manifest.classes, confusion)
    write_images(task, confidences, scores)


def predict_split(task: Evaluation) -> dict[str, float]:
    """Write the predicted mask of every image; their confidences, nothing where there is no model."""
    model = paths.SEGMENTATION / task.supervision
    task.predictions.mkdir(parents=True, exist_ok=True)
    if (model / paths.SKIPPED).exists():
        return {}
    net, confidences = to_channels_last(load_segmentation_net(model), pick_device()), {}
    for sample in tqdm(task.samples, f"prediction ({task.supervision})", unit="image"):
        found = predict_with_confidence(net, task.manifest.image(sample), task.params, task.crf)
        write_mask(mask_path(task.predictions, sample), found.mask)
        confidences[sample.name] = found.confidence
    return confidences


def prediction_counts(task: Evaluation, sample: Sample) -> tuple[Counts, Counts]:
    """Pixels by true and predicted label, int64 (L, L), and those of the bands at the outlines, (L, 2)."""
    labels = len(task.manifest.classes) + 1
    ground_truth, prediction = load_mask(paths.GROUND_TRUTH, sample), load_mask(task.predictions, sample)
    bands = boundary_counts(ground_truth, prediction, labels, task.params.boundary)
    return confusion_matrix(ground_truth, prediction, labels), bands


def model_metrics(
    task: Evaluation, names: tuple[str, ...], confusion: Counts, outlines: Counts
) -> dict[str, object]:
    """The metrics of one model; the scores are null where nothing was scored."""
    per_class = iou_per_class(confusion)
    return {
        "split": task.params.split,
        "miou": score_or_none(mean_iou(confusion)),
        "iou_per_class": {name: score_or_none(iou) for name, iou in zip(names, per_class, strict=True)},
        "boundary_iou": score_or_none(boundary_iou(outlines)),
    }


def write_images(
    task: Evaluation, confidences: Mapping[str, float], scores: Mapping[str, float | None]
) -> None:
    """Write a row for each predicted mask."""
    rows = [
        {"name": name, "confidence": round(confidence, 6), "miou": scores.get(name)}
        for name, confidence in confidences.items()
    ]
    write_csv(task.reports / IMAGES, COLUMNS, rows)
