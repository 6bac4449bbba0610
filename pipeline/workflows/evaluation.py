"""The predictions of a segmentation model and their scores, at the size of the images."""

from collections.abc import Mapping

import numpy as np
from tqdm import tqdm

from pipeline import paths
from pipeline.base.files import write_csv, write_json
from pipeline.data.images import write_mask
from pipeline.data.manifest import Manifest, Sample, load_mask, mask_path
from pipeline.engine.device import pick_device, place
from pipeline.evaluation.boundary import boundary_counts, boundary_iou
from pipeline.evaluation.confusion import Counts, confusion_matrix, iou_per_class, mean_iou
from pipeline.evaluation.means import score_or_none
from pipeline.params import CrfParams, EvaluationParams
from pipeline.segmentation.network import load_segmentation_net
from pipeline.workflows.confidence import IMAGES
from pipeline.workflows.confusion_file import write_confusion
from pipeline.workflows.prediction import predict_with_confidence

COLUMNS = ("name", "confidence", "miou")  # of the images


def predict_val(
    supervision: str, manifest: Manifest, params: EvaluationParams, crf: CrfParams
) -> dict[str, float]:
    """Write the predicted mask of every `val` image; their confidences, nothing where there is no model."""
    folder, model = paths.PREDICTIONS / supervision, paths.SEGMENTATION / supervision
    folder.mkdir(parents=True, exist_ok=True)
    if (model / paths.SKIPPED).exists():
        return {}
    net, confidences = place(load_segmentation_net(model), pick_device()), {}
    for sample in tqdm(manifest.split("val"), f"prediction ({supervision})", unit="image"):
        found = predict_with_confidence(net, manifest.image(sample), params, crf)
        write_mask(mask_path(folder, sample), found.mask)
        confidences[sample.name] = found.confidence
    return confidences


def score_val(
    supervision: str, manifest: Manifest, params: EvaluationParams, confidences: Mapping[str, float]
) -> None:
    """Compare the predictions with the true masks; the scores are null where one of the two is missing."""
    names = ("background", *manifest.classes)
    confusion = np.zeros((len(names), len(names)), np.int64)
    outlines = np.zeros((len(names), 2), np.int64)
    rows = []
    for sample in (s for s in manifest.split("val") if s.name in confidences):
        row: dict[str, object] = {"name": sample.name, "confidence": round(confidences[sample.name], 6)}
        if sample.score:
            own, bands = count_one(supervision, sample, len(names), params.boundary)
            confusion += own
            outlines += bands
            row["miou"] = score_or_none(mean_iou(own))
        rows.append(row)
    write_scores(supervision, names, confusion, outlines)
    write_csv(paths.REPORTS / "evaluation" / supervision / IMAGES, COLUMNS, rows)


def count_one(supervision: str, sample: Sample, labels: int, boundary: float) -> tuple[Counts, Counts]:
    """Pixels by true and predicted label, int64 (L, L), and those of the bands at the outlines, (L, 2)."""
    truth = load_mask(paths.TRUE_MASKS, sample)
    prediction = load_mask(paths.PREDICTIONS / supervision, sample)
    return (
        confusion_matrix(truth, prediction, labels),
        boundary_counts(truth, prediction, labels, boundary),
    )


def write_scores(supervision: str, names: tuple[str, ...], confusion: Counts, outlines: Counts) -> None:
    """Write `metrics.json` and `confusion.csv` of one model."""
    folder = paths.REPORTS / "evaluation" / supervision
    per_class = iou_per_class(confusion)
    metrics = {
        "miou": score_or_none(mean_iou(confusion)),
        "iou_per_class": {name: score_or_none(iou) for name, iou in zip(names, per_class, strict=True)},
        "boundary_iou": score_or_none(boundary_iou(outlines)),
    }
    write_json(folder / "metrics.json", metrics)
    write_confusion(folder / "confusion.csv", names[1:], confusion)
