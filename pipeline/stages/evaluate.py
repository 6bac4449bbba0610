"""Score a segmentation model on `val`, at the size of the photos and without their labels."""

import sys

import numpy as np
from tqdm import tqdm

from pipeline import paths
from pipeline.base.files import note_if_empty, renew, write_csv, write_json
from pipeline.data.images import write_mask
from pipeline.data.manifest import Manifest, load_mask, mask_path, read_manifest
from pipeline.engine.device import pick_device, place
from pipeline.evaluation.boundary import boundary_counts, boundary_iou
from pipeline.evaluation.confusion import Counts, confusion_matrix, iou_per_class, mean_iou
from pipeline.evaluation.means import score_or_none
from pipeline.params import CrfParams, EvaluationParams, load_params
from pipeline.segmentation.network import load_segmentation_net
from pipeline.stages.running import stage
from pipeline.workflows.confusion_file import write_confusion
from pipeline.workflows.prediction import predict


def main(supervision: str) -> None:
    """Read `models/segmentation/SUPERVISION`, write `data/predictions/...` and `reports/evaluation/...`."""
    params = load_params()
    manifest = read_manifest(paths.PREPARED)
    renew(paths.PREDICTIONS / supervision)
    if not (paths.SEGMENTATION / supervision / paths.SKIPPED).exists():
        predict_val(supervision, manifest, params.evaluation, params.pseudo_masks.crf)
    score_val(supervision, manifest, params.evaluation)
    note_if_empty(paths.PREDICTIONS / supervision, "There is no model to predict with.")


def predict_val(supervision: str, manifest: Manifest, params: EvaluationParams, crf: CrfParams) -> None:
    """Write the predicted mask of every `val` image."""
    net = place(load_segmentation_net(paths.SEGMENTATION / supervision), pick_device())
    for sample in tqdm(manifest.split("val"), f"prediction ({supervision})", unit="image"):
        mask = predict(net, manifest.image(sample), params, crf)
        write_mask(mask_path(paths.PREDICTIONS / supervision, sample), mask)


def score_val(supervision: str, manifest: Manifest, params: EvaluationParams) -> None:
    """Compare the predictions with the true masks; the scores are null where one of the two is missing."""
    names = ("background", *manifest.classes)
    confusion = np.zeros((len(names), len(names)), np.int64)
    outlines = np.zeros((len(names), 2), np.int64)
    rows = []
    for sample in manifest.split("val"):
        if not sample.score or not mask_path(paths.PREDICTIONS / supervision, sample).exists():
            continue
        truth = load_mask(paths.TRUE_MASKS, sample)
        prediction = load_mask(paths.PREDICTIONS / supervision, sample)
        own = confusion_matrix(truth, prediction, len(names))
        confusion += own
        outlines += boundary_counts(truth, prediction, len(names), params.boundary)
        rows.append({"name": sample.name, "miou": score_or_none(mean_iou(own))})
    write_scores(supervision, names, confusion, outlines)
    write_csv(paths.REPORTS / "evaluation" / supervision / "images.csv", ("name", "miou"), rows)


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


if __name__ == "__main__":
    with stage(f"evaluate@{sys.argv[1]}"):
        main(sys.argv[1])
