"""Train the classifier on image-level labels, score it on `val`, and list the labels that it doubts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline import paths
from pipeline.base.files import write_csv, write_json
from pipeline.base.work import publish, work_folder
from pipeline.classifier.classifier_training import multi_hot, predict_probabilities, train_classifier
from pipeline.classifier.network import make_classifier, save_classifier
from pipeline.data.manifest import Manifest, Sample, read_manifest
from pipeline.engine.device import describe, pick_device
from pipeline.engine.seed import seed_everything
from pipeline.evaluation.doubts import doubtful_labels
from pipeline.evaluation.means import mean_present, score_or_none
from pipeline.evaluation.ranking import average_precision, f1_at
from pipeline.params import load_params
from pipeline.stages.running import stage

NAME = "train_classifier"
DOUBTS = 100  # labels that are listed, at most


def main() -> None:
    """Read `data/prepared` and `data/attention`, write `models/classifier` and `reports/classifier`."""
    params = load_params()
    manifest = read_manifest(paths.PREPARED)
    seed_everything(params.seed)
    net = make_classifier(params.classifier, manifest.classes)
    work = work_folder(
        NAME,
        __file__,
        seed=params.seed,
        long_side=params.data.long_side,
        params=params.classifier,
        device=describe(pick_device()),
        manifest=paths.PREPARED / "manifest.json",
        masks=paths.ATTENTION,
    )
    curve = train_classifier(net, manifest, paths.ATTENTION, params, work / "checkpoint.pt")
    save_classifier(work / "model", net)
    samples = (*manifest.split("val"), *manifest.split("train"))
    probabilities = predict_probabilities(net, manifest, samples, params.data.long_side)
    write_scores(manifest, probabilities[: len(manifest.split("val"))], paths.REPORTS / "classifier")
    write_doubts(manifest, samples, probabilities, paths.REPORTS / "classifier")
    write_csv(paths.REPORTS / "classifier" / "curve.csv", ("step", "loss", "lr"), curve)
    publish(NAME, {work / "model": paths.CLASSIFIER})


def write_scores(manifest: Manifest, probabilities: np.ndarray, folder: Path) -> None:
    """Write average precision and F1 of each class, and their means, of the `val` samples."""
    truth = np.stack([multi_hot(s.labels, len(manifest.classes)).numpy() for s in manifest.split("val")])
    ap, f1 = average_precision(truth, probabilities), f1_at(truth, probabilities, 0.5)
    write_json(
        folder / "metrics.json",
        {"map": score_or_none(mean_present(ap)), "f1": score_or_none(mean_present(f1))},
    )
    rows = [
        {"class": name, "average_precision": score_or_none(a), "f1": score_or_none(f)}
        for name, a, f in zip(manifest.classes, ap, f1, strict=True)
    ]
    write_csv(folder / "classes.csv", ("class", "average_precision", "f1"), rows)


def write_doubts(
    manifest: Manifest, samples: Sequence[Sample], probabilities: np.ndarray, folder: Path
) -> None:
    """Write the labels that the classifier contradicts most, of training and `val` images."""
    labels = np.stack([multi_hot(s.labels, len(manifest.classes)).bool().numpy() for s in samples])
    rows = [
        {
            "name": samples[doubt.image].name,
            "split": samples[doubt.image].split,
            "class": manifest.classes[doubt.label],
            "given": int(doubt.given),
            "probability": round(doubt.probability, 4),
        }
        for doubt in doubtful_labels(labels, probabilities, DOUBTS)
    ]
    write_csv(folder / "doubts.csv", ("name", "split", "class", "given", "probability"), rows)


if __name__ == "__main__":
    with stage(NAME):
        main()
