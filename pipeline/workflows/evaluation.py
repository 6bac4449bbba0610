"""The predictions of a segmentation model and their scores, at the size of the images."""

from collections.abc import Sequence

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
from pipeline.params import Params
from pipeline.segmentation.network import load_segmentation_net
from pipeline.workflows.confidence import IMAGES
from pipeline.workflows.confusion_file import write_confusion
from pipeline.workflows.prediction import predict_with_confidence


def evaluate(supervision: str, manifest: Manifest, params: Params) -> None:
    """Write the predicted masks and their scores; no mask and null scores where there is no model."""
    samples, labels = evaluated_samples(manifest, params), len(manifest.classes) + 1
    confidences = predict_samples(supervision, manifest, samples, params)
    confusion, boundaries = np.zeros((labels, labels), np.int64), np.zeros((labels, 2), np.int64)
    miou: dict[str, float | None] = {}
    for sample in samples:
        if sample.name in confidences and sample.score:
            ground_truth = load_mask(paths.GROUND_TRUTH, sample)
            prediction = load_mask(paths.PREDICTIONS / supervision, sample)
            image_confusion = confusion_matrix(ground_truth, prediction, labels)
            confusion += image_confusion
            boundaries += boundary_counts(ground_truth, prediction, labels, params.evaluation.boundary)
            miou[sample.name] = score_or_none(mean_iou(image_confusion))
    folder = paths.REPORTS / "evaluation" / supervision
    metrics = model_metrics(manifest.classes, confusion, boundaries)
    write_json(folder / "metrics.json", {"split": params.evaluation.split} | metrics)
    write_confusion(folder / "confusion.csv", manifest.classes, confusion)
    rows = [
        {"name": name, "confidence": round(confidence, 6), "miou": miou.get(name)}
        for name, confidence in confidences.items()
    ]
    write_csv(folder / IMAGES, ("name", "confidence", "miou"), rows)


def evaluated_samples(manifest: Manifest, params: Params) -> tuple[Sample, ...]:
    """The images of `evaluation.split`; a `UserError` if the data has none."""
    split = params.evaluation.split
    samples = manifest.split(split)
    if not samples:
        raise UserError(f"evaluation.split: expected images of the split `{split}`, the data has none")
    return samples


def predict_samples(
    supervision: str, manifest: Manifest, samples: Sequence[Sample], params: Params
) -> dict[str, float]:
    """Write the predicted mask of every image; returns their confidences, none where there is no model."""
    model, folder = paths.SEGMENTATION / supervision, paths.PREDICTIONS / supervision
    folder.mkdir(parents=True, exist_ok=True)
    if (model / paths.SKIPPED).exists():
        return {}
    net, confidences = to_channels_last(load_segmentation_net(model), pick_device()), {}
    for sample in tqdm(samples, f"prediction ({supervision})", unit="image"):
        prediction = predict_with_confidence(net, manifest.image(sample), params)
        write_mask(mask_path(folder, sample), prediction.mask)
        confidences[sample.name] = prediction.confidence
    return confidences


def model_metrics(classes: Sequence[str], confusion: Counts, boundaries: Counts) -> dict[str, object]:
    """The scores of one model; null where nothing was scored."""
    names, per_class = ("background", *classes), iou_per_class(confusion)
    return {
        "miou": score_or_none(mean_iou(confusion)),
        "iou_per_class": {name: score_or_none(iou) for name, iou in zip(names, per_class, strict=True)},
        "boundary_iou": score_or_none(boundary_iou(boundaries)),
    }
