"""The predictions of a segmentation model and their scores, at the size of the images."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pipeline import paths
from pipeline.base.files import write_bytes, write_csv, write_json
from pipeline.data.images import mask_png
from pipeline.data.manifest import Manifest, Sample, load_mask, mask_path
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.engine.mapping import block_file, map_blocks, read_block_files, split_blocks
from pipeline.errors import UserError
from pipeline.evaluation.boundary import boundary_counts, boundary_iou
from pipeline.evaluation.confusion import Counts, confusion_matrix, iou_per_class, mean_iou
from pipeline.evaluation.means import score_or_none
from pipeline.params import CrfParams, EvaluationParams
from pipeline.segmentation.network import load_segmentation_net
from pipeline.workflows.confidence import IMAGES
from pipeline.workflows.confusion_file import write_confusion
from pipeline.workflows.prediction import prediction_pass


@dataclass(frozen=True)
class Evaluation:
    """Which model is evaluated, on which images, and how."""

    supervision: str
    manifest: Manifest
    params: EvaluationParams
    crf: CrfParams
    work: Path  # for unfinished work

    @property
    def samples(self) -> tuple[Sample, ...]:
        """The images of `evaluation.split`.

        Raises:
            UserError: the data has none.
        """
        split = self.params.split
        samples = self.manifest.split(split)
        if not samples:
            raise UserError(f"evaluation.split: expected images of the split `{split}`, the data has none")
        return samples

    @property
    def predictions(self) -> Path:
        """The folder of the predicted masks, until all of them are there."""
        return self.work / "masks"


def evaluate(task: Evaluation) -> None:
    """Write the predicted masks and their scores; no mask and null scores where there is no model."""
    confidences = predict_split(task)
    labels = len(task.manifest.classes) + 1
    confusion, boundaries = np.zeros((labels, labels), np.int64), np.zeros((labels, 2), np.int64)
    miou: dict[str, float | None] = {}
    for sample in task.samples:
        if sample.name in confidences and sample.score:
            image_confusion, image_boundaries = prediction_counts(task, sample)
            confusion += image_confusion
            boundaries += image_boundaries
            miou[sample.name] = score_or_none(mean_iou(image_confusion))
    folder = paths.REPORTS / "evaluation" / task.supervision
    write_json(folder / "metrics.json", model_metrics(task, confusion, boundaries))
    write_confusion(folder / "confusion.csv", task.manifest.classes, confusion)
    rows = [
        {"name": name, "confidence": round(confidence, 6), "miou": miou.get(name)}
        for name, confidence in confidences.items()
    ]
    write_csv(folder / IMAGES, ("name", "confidence", "miou"), rows)


def predict_split(task: Evaluation) -> dict[str, float]:
    """Write the predicted mask of every image; returns their confidences, none where there is no model."""
    model, samples = paths.SEGMENTATION / task.supervision, task.samples
    task.predictions.mkdir(parents=True, exist_ok=True)
    if (model / paths.SKIPPED).exists():
        return {}
    net = to_channels_last(load_segmentation_net(model), pick_device())
    description = f"prediction ({task.supervision})"
    work = prediction_pass(net, task.manifest, task.params, task.crf, mask_png, description)

    def write(number: int, predictions: dict[str, tuple[bytes, float]]) -> None:
        for sample in split_blocks(samples)[number]:
            write_bytes(mask_path(task.predictions, sample), predictions[sample.name][0])
        confidences = {name: confidence for name, (_, confidence) in predictions.items()}
        write_json(block_file(task.work, number), confidences)

    map_blocks(samples, work, lambda number: block_file(task.work, number).exists(), write)
    confidences = read_block_files(task.work, samples)
    return {sample.name: confidences[sample.name] for sample in samples}


def prediction_counts(task: Evaluation, sample: Sample) -> tuple[Counts, Counts]:
    """The confusion (L, L) of one image, and the counts (L, 2) of its boundary bands, int64."""
    labels = len(task.manifest.classes) + 1
    ground_truth, prediction = load_mask(paths.GROUND_TRUTH, sample), load_mask(task.predictions, sample)
    boundaries = boundary_counts(ground_truth, prediction, labels, task.params.boundary)
    return confusion_matrix(ground_truth, prediction, labels), boundaries


def model_metrics(task: Evaluation, confusion: Counts, boundaries: Counts) -> dict[str, object]:
    """The metrics of one model; the scores are null where nothing was scored."""
    names, per_class = ("background", *task.manifest.classes), iou_per_class(confusion)
    return {
        "split": task.params.split,
        "miou": score_or_none(mean_iou(confusion)),
        "iou_per_class": {name: score_or_none(iou) for name, iou in zip(names, per_class, strict=True)},
        "boundary_iou": score_or_none(boundary_iou(boundaries)),
    }
