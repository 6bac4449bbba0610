"""The predictions of a segmentation model and their scores, at the size of the images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline import paths
from pipeline.base.files import write_csv, write_json
from pipeline.data.images import mask_png
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import load_mask, mask_writer
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.engine.mapping import block_file, map_blocks, read_block_files
from pipeline.errors import UserError
from pipeline.evaluation.boundary import boundary_counts, boundary_iou
from pipeline.evaluation.confusion import Counts, confusion_matrix, image_iou, iou_per_class, mean_iou
from pipeline.evaluation.means import score_or_none
from pipeline.params import Params
from pipeline.segmentation.network import load_segmentation_net
from pipeline.workflows.confidence import IMAGES
from pipeline.workflows.confusion_file import label_names, write_confusion
from pipeline.workflows.prediction import prediction_pass


def evaluate(supervision: str, manifest: Manifest, params: Params, work: Path) -> None:
    """Write the predicted masks into `work/masks`, and their scores; null scores where there is no model."""
    samples, labels = evaluated_samples(manifest, params), len(manifest.classes) + 1
    confidences = predict_samples(supervision, manifest, samples, params, work)
    confusion, boundaries = np.zeros((labels, labels), np.int64), np.zeros((labels, 2), np.int64)
    miou: dict[str, float | None] = {}
    for sample in samples:
        if sample.name in confidences and sample.score:
            ground_truth = load_mask(paths.GROUND_TRUTH, sample)
            prediction = load_mask(work / "masks", sample)
            image_confusion = confusion_matrix(ground_truth, prediction, labels)
            confusion += image_confusion
            boundaries += boundary_counts(ground_truth, prediction, labels, params.evaluation.boundary)
            miou[sample.name] = score_or_none(image_iou(image_confusion))
    folder = paths.REPORTS / "evaluation" / supervision
    metrics = model_metrics(manifest, confusion, boundaries)
    write_json(folder / "metrics.json", {"split": params.evaluation.split} | metrics)
    write_confusion(folder / "confusion.csv", manifest.classes, confusion, background=manifest.background)
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
    supervision: str, manifest: Manifest, samples: Sequence[Sample], params: Params, work: Path
) -> dict[str, float]:
    """Write the predicted mask of every image; returns their confidences, none where there is no model."""
    model, folder = paths.SEGMENTATION / supervision, work / "masks"
    folder.mkdir(parents=True, exist_ok=True)
    if (model / paths.SKIPPED).exists():
        return {}
    net = to_channels_last(load_segmentation_net(model), pick_device())
    masks = prediction_pass(net, manifest, params, mask_png, f"prediction ({supervision})")
    writer = mask_writer(folder, len(samples))

    def write(number: int, predictions: dict[str, tuple[bytes, float]]) -> None:
        writer.write(number, {name: png for name, (png, _) in predictions.items()})
        confidences = {name: confidence for name, (_, confidence) in predictions.items()}
        write_json(block_file(work, number), confidences)  # last: a block with this file is done

    map_blocks(samples, masks, lambda number: block_file(work, number).exists(), write)
    writer.finish()
    confidences = read_block_files(work, samples)
    return {sample.name: confidences[sample.name] for sample in samples}


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
