"""The predictions of a segmentation model and their scores, at the size of the images."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from pipeline import paths
from pipeline.base.files import write_csv, write_json, write_npz
from pipeline.data.images import Mask, mask_png
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import load_mask, mask_writer
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.engine.mapping import block_file, map_blocks, read_block_files, split_blocks
from pipeline.engine.processes import group
from pipeline.errors import UserError
from pipeline.evaluation.boundary import boundary_counts, boundary_iou
from pipeline.evaluation.confusion import Counts, confusion_matrix, image_iou, iou_per_class, mean_iou
from pipeline.evaluation.means import score_or_none
from pipeline.evaluation.probability_histograms import probability_histograms
from pipeline.evaluation.standard_error import iou_parts, miou_standard_error
from pipeline.params import Params
from pipeline.segmentation.network import load_segmentation_net
from pipeline.workflows.confidence import IMAGES
from pipeline.workflows.confusion_file import label_names, write_confusion
from pipeline.workflows.findings import (
    count_findings,
    image_findings,
    no_findings,
    no_histograms,
    pixel_findings,
)
from pipeline.workflows.prediction import prediction_pass


def evaluate(supervision: str, manifest: Manifest, params: Params, work: Path) -> None:
    """Write the predicted masks into `work/masks`, and their scores; null scores where there is no model."""
    samples, labels = evaluated_samples(manifest, params), len(manifest.classes) + 1
    predicted, histograms = predict_samples(supervision, manifest, samples, params, work)
    confusion, boundaries = np.zeros((labels, labels), np.int64), np.zeros((labels, 2), np.int64)
    counts, miou, parts = no_findings(labels), dict[str, float | None](), list[Counts]()
    for sample in samples:
        if sample.name in predicted and sample.score:
            ground_truth = load_mask(paths.GROUND_TRUTH, sample)
            prediction = load_mask(work / "masks", sample)
            image_confusion = confusion_matrix(ground_truth, prediction, labels)
            confusion += image_confusion
            boundaries += boundary_counts(ground_truth, prediction, labels, params.evaluation.boundary)
            counts += count_findings(ground_truth, prediction, labels)
            miou[sample.name] = score_or_none(image_iou(image_confusion))
            parts.append(iou_parts(image_confusion))
    folder = paths.REPORTS / "evaluation" / supervision
    metrics = model_metrics(manifest, confusion, boundaries)
    known = metrics["miou"] is not None
    metrics["miou_standard_error"] = score_or_none(miou_standard_error(parts)) if known else None
    by_pixel = pixel_findings(manifest, confusion, counts, histograms)
    seen = [sample for sample in samples if sample.name in predicted]
    highest = np.array([predicted[s.name]["highest"] for s in seen]).reshape(-1, labels - 1)
    by_image = image_findings(manifest, seen, highest)
    metrics["findings"] = {name: scores | by_image[name] for name, scores in by_pixel.items()}
    write_json(folder / "metrics.json", {"split": params.evaluation.split} | metrics)
    write_confusion(folder / "confusion.csv", manifest.classes, confusion, background=manifest.background)
    rows = [
        {"name": name, "confidence": round(found["confidence"], 6), "miou": miou.get(name)}
        for name, found in predicted.items()
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
) -> tuple[dict[str, Any], Counts]:
    """Write the predicted mask of every image; returns what is known of each, and the sum of all histograms.

    Known is the `confidence` of the mask, and the `highest` probability of each class. Without a model,
    nothing is known. Of several processes the first returns.
    """
    model, folder, labels = paths.SEGMENTATION / supervision, work / "masks", len(manifest.classes) + 1
    folder.mkdir(parents=True, exist_ok=True)
    if (model / paths.SKIPPED).exists():
        group().keep(1)
        return {}, no_histograms(labels)
    net = to_channels_last(load_segmentation_net(model), pick_device())
    blocks, writer = split_blocks(samples), mask_writer(folder, len(samples))
    numbers = {sample.name: number for number, block in enumerate(blocks) for sample in block}
    totals: dict[int, Counts] = {}  # of the blocks that are in work: those of single images take much memory

    def keep(sample: Sample, mask: Mask, probabilities: Tensor) -> tuple[bytes, list[float]]:
        total = totals.setdefault(numbers[sample.name], no_histograms(labels))
        values = probabilities.cpu().numpy()
        if sample.score:
            total += probability_histograms(load_mask(paths.GROUND_TRUTH, sample), values)
        return mask_png(mask), values[1:].max((1, 2)).tolist()

    def write(number: int, predictions: dict[str, tuple[tuple[bytes, list[float]], float]]) -> None:
        writer.write(number, {s.name: predictions[s.name][0][0] for s in blocks[number]})
        write_npz(histogram_file(work, number), {"histograms": totals.pop(number)})
        found = {
            name: {"confidence": confidence, "highest": highest}
            for name, ((_, highest), confidence) in predictions.items()
        }
        write_json(block_file(work, number), found)  # last

    def done(number: int) -> bool:  # a run that was killed in `publish` leaves a part of the files
        files = block_file(work, number), histogram_file(work, number)
        return all(file.exists() for file in files) and writer.has(number, [s.name for s in blocks[number]])

    masks = prediction_pass(net, manifest, params, keep, f"prediction ({supervision})")
    map_blocks(samples, masks, done, write)
    group().keep(1)
    writer.finish()
    found = read_block_files(work, samples)
    histograms = no_histograms(labels)
    for number in range(len(blocks)):
        histograms += read_histograms(work, number)
    return {sample.name: found[sample.name] for sample in samples}, histograms


def histogram_file(work: Path, number: int) -> Path:
    """The histograms of a finished block."""
    return work / f"histograms-{number:05d}.npz"


def read_histograms(work: Path, number: int) -> Counts:
    """The sum of the histograms of a finished block, int64 (L, 4, BINS)."""
    with np.load(histogram_file(work, number), allow_pickle=False) as arrays:
        return np.asarray(arrays["histograms"], np.int64)


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
