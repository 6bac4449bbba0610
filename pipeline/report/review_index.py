"""What the review page knows of all images before it loads one: the columns of its table, and their order."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from pipeline import paths
from pipeline.base.files import read_csv, read_json
from pipeline.data.manifest import Manifest, Sample
from pipeline.report.review_images import ReviewSource
from pipeline.report.safe_colours import safe_colours
from pipeline.workflows.confidence import IMAGES, lost_indices

SHOWN_SPLITS = ("train", "val")

Rows = Mapping[str, Mapping[str, str]]  # of images.csv, by sample name


def image_rows(source: ReviewSource) -> dict[str, dict[str, str]]:
    """The rows of `images.csv` of the pseudo-masks and of the predictions, by sample name."""
    files = [
        paths.REPORTS / "evaluation" / source.supervision / IMAGES,
        paths.REPORTS / "pseudo_masks" / source.masks / IMAGES,
    ]
    return {row["name"]: row for file in files if file.is_file() for row in read_csv(file)}


def least_sure_first(manifest: Manifest, rows: Rows) -> list[Sample]:
    """The training and `val` images by rising confidence; those without one last, equal ones by name."""

    def key(sample: Sample) -> tuple[float, str]:
        confidence = number(rows.get(sample.name, {}).get("confidence"))
        return math.inf if confidence is None else confidence, sample.name

    return sorted((s for s in manifest.samples if s.split in SHOWN_SPLITS), key=key)


def index_data(
    source: ReviewSource, samples: Sequence[Sample], shares: Sequence[float], rows: Rows, built: str
) -> dict[str, Any]:
    """The table of `samples`: a column for each thing, and what holds for all of them.

    Args:
        shares: of the pixels of each mask that belong to a class, in [0, 1].
        built: names this state of the page: decisions that the browser keeps belong to it.
    """
    classes, issues = source.manifest.classes, label_issue_lists(source.manifest.classes)
    found = [rows.get(sample.name, {}) for sample in samples]
    return {
        "built": built,
        "classes": classes,
        "background": source.manifest.background,
        "colours": safe_colours(len(classes)),
        "heat": heat_colours(),
        "threshold": stored_threshold(source.method),
        "names": {
            "mask": source.masks,
            "method": source.method,
            "within": f"{source.supervision}, within the labels",
            "prediction": source.supervision,
            "truth": "",
            "added": "",
        },
        "columns": {
            "name": [sample.name for sample in samples],
            "split": [sample.split for sample in samples],
            "labels": [sample.labels for sample in samples],
            "confidence": [number(row.get("confidence")) for row in found],
            "score": [number(row.get("miou_after") or row.get("miou")) for row in found],
            "share": [round(share, 5) for share in shares],
            "lost": [lost_indices(row, classes) for row in found],
            "issues": [issues.get(sample.name, []) for sample in samples],
        },
    }


def heat_colours() -> list[list[int]]:
    """RGB of each level of heat: inferno, even to the eye, also in grey and for colour-blind people."""
    colours = cv2.applyColorMap(np.arange(256, dtype=np.uint8), cv2.COLORMAP_INFERNO)  # BGR
    rgb: list[list[int]] = colours.reshape(-1, 3)[:, ::-1].tolist()
    return rgb


def label_issue_lists(classes: Sequence[str]) -> dict[str, list[tuple[int, int, float]]]:
    """Class index, whether the label was given, and its probability, by sample name."""
    file, result = paths.REPORTS / "classifier" / "label_issues.csv", defaultdict(list)
    for row in read_csv(file) if file.is_file() else ():
        if row["class"] in classes:
            issue = (classes.index(row["class"]), int(row["given"]), float(row["probability"]))
            result[row["name"]].append(issue)
    return result


def stored_threshold(method: str) -> float | None:
    """The threshold that made the masks of a method; None in data without background."""
    file: Path = paths.REPORTS / "pseudo_masks" / method / "metrics.json"
    threshold: float | None = read_json(file)["threshold"] if file.is_file() else None
    return threshold


def number(text: str | None) -> float | None:
    """The number of a cell, rounded for the page; None where there is none."""
    return round(float(text), 4) if text else None
