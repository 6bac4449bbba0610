"""How good a classifier is on `val`, and which labels it contradicts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.base.files import write_csv, write_json
from pipeline.classifier.classifier_training import classify_samples, multi_hot
from pipeline.classifier.network import Classifier
from pipeline.data.manifest import Manifest, Sample
from pipeline.evaluation.label_issues import find_label_issues
from pipeline.evaluation.means import mean_present, score_or_none
from pipeline.evaluation.ranking import average_precision, f1_at

LISTED = 100  # labels that are listed, at most


def score_classifier(net: Classifier, manifest: Manifest, long_side: int, folder: Path) -> None:
    """Write the scores of the `val` images, and the label issues of these and of the training images."""
    val, train = manifest.split("val"), manifest.split("train")
    probabilities = classify_samples(net, manifest, (*val, *train), long_side)
    write_classifier_scores(manifest, probabilities[: len(val)], folder)
    write_label_issues(manifest, (*val, *train), probabilities, folder)


def write_classifier_scores(manifest: Manifest, probabilities: np.ndarray, folder: Path) -> None:
    """Write average precision and F1 of each class, and their means, of the `val` samples."""
    ground_truth = np.stack(
        [multi_hot(s.labels, len(manifest.classes)).numpy() for s in manifest.split("val")]
    )
    ap, f1 = average_precision(ground_truth, probabilities), f1_at(ground_truth, probabilities, 0.5)
    write_json(
        folder / "metrics.json",
        {"map": score_or_none(mean_present(ap)), "f1": score_or_none(mean_present(f1))},
    )
    rows = [
        {"class": name, "average_precision": score_or_none(a), "f1": score_or_none(f)}
        for name, a, f in zip(manifest.classes, ap, f1, strict=True)
    ]
    write_csv(folder / "classes.csv", ("class", "average_precision", "f1"), rows)


def write_label_issues(
    manifest: Manifest, samples: Sequence[Sample], probabilities: np.ndarray, folder: Path
) -> None:
    """Write the labels that the classifier contradicts most, of training and `val` images."""
    labels = np.stack([multi_hot(s.labels, len(manifest.classes)).bool().numpy() for s in samples])
    rows = [
        {
            "name": samples[issue.image].name,
            "split": samples[issue.image].split,
            "class": manifest.classes[issue.label],
            "given": int(issue.given),
            "probability": round(issue.probability, 4),
        }
        for issue in find_label_issues(labels, probabilities, LISTED)
    ]
    write_csv(folder / "label_issues.csv", ("name", "split", "class", "given", "probability"), rows)
