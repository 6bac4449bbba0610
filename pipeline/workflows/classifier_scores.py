"""The scores of a classifier on `val`, and the label issues: labels that it contradicts."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.files import write_csv, write_json
from pipeline.classifier.classifier_training import classification_pass
from pipeline.classifier.network import Classifier
from pipeline.data.arrays import ShownClasses
from pipeline.data.manifest import Manifest, Sample, shown_classes
from pipeline.engine.mapping import block_file, map_blocks, read_block_files
from pipeline.engine.processes import group
from pipeline.evaluation.label_issues import contradicted, find_label_issues
from pipeline.evaluation.means import mean_present, score_or_none
from pipeline.evaluation.ranking import average_precision, f1_at

MOST_ISSUES = 100  # label issues that are written, at most


def score_classifier(net: Classifier, manifest: Manifest, long_side: int, folder: Path, work: Path) -> None:
    """Write the scores of the `val` images, and the label issues of the `val` and training images.

    Of several processes the first returns. Unfinished work lies in `work`.
    """
    val = manifest.split("val")
    samples = (*val, *manifest.split("train"))
    labels = shown_classes(manifest, samples)
    probabilities = classify_in_blocks(net, manifest, samples, long_side, work)
    issues = int(contradicted(labels, probabilities).sum())
    write_classifier_scores(manifest.classes, labels[: len(val)], probabilities[: len(val)], issues, folder)
    write_label_issues(manifest.classes, samples, labels, probabilities, folder)


def classify_in_blocks(
    net: Classifier, manifest: Manifest, samples: Sequence[Sample], long_side: int, work: Path
) -> NDArray[np.float32]:
    """Class probabilities (N, C) of whole images, by way of a file for each block."""

    def write(number: int, found: dict[str, NDArray[np.float32]]) -> None:
        write_json(block_file(work, number), {name: of_image.tolist() for name, of_image in found.items()})

    mapped = classification_pass(net, manifest, long_side)
    map_blocks(samples, mapped, lambda number: block_file(work, number).exists(), write)
    group().keep(1)
    row = np.dtype((np.float32, (len(manifest.classes),)))
    return np.fromiter(read_block_files(work, samples), row, len(samples))


def write_classifier_scores(
    classes: Sequence[str],
    labels: ShownClasses,
    probabilities: NDArray[np.float32],
    issues: int,
    folder: Path,
) -> None:
    """Write average precision and F1 of each class, and their means beside the number of label issues."""
    ap, f1 = average_precision(labels, probabilities), f1_at(labels, probabilities, 0.5)
    means = {"map": score_or_none(mean_present(ap)), "f1": score_or_none(mean_present(f1))}
    write_json(folder / "metrics.json", {**means, "label_issues": issues})
    rows = [
        {"class": name, "average_precision": score_or_none(a), "f1": score_or_none(f)}
        for name, a, f in zip(classes, ap, f1, strict=True)
    ]
    write_csv(folder / "classes.csv", ("class", "average_precision", "f1"), rows)


def write_label_issues(
    classes: Sequence[str],
    samples: Sequence[Sample],
    labels: ShownClasses,
    probabilities: NDArray[np.float32],
    folder: Path,
) -> None:
    """Write the labels that the classifier contradicts most."""
    rows = [
        {
            "name": samples[issue.image].name,
            "split": samples[issue.image].split,
            "class": classes[issue.label],
            "given": int(issue.given),
            "probability": round(issue.probability, 4),
        }
        for issue in find_label_issues(labels, probabilities, MOST_ISSUES)
    ]
    write_csv(folder / "label_issues.csv", ("name", "split", "class", "given", "probability"), rows)
