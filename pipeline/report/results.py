"""What the earlier stages wrote below `reports/`, read into one value."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.base.files import read_csv, read_json
from pipeline.data.held_out import HELD_OUT_MAP, HELD_OUT_MIOU
from pipeline.params import default_masks, default_supervision

Metrics = dict[str, Any]  # a metrics.json; scores in [0, 1], None without ground truth
MiouByImage = dict[str, float | None]  # by sample name
Points = list[tuple[float, float]]  # of a curve: (step, loss), (step, score) or (threshold, mIoU)

HELD_OUT_SCORES = {HELD_OUT_MAP: "labels, mAP", HELD_OUT_MIOU: "masks, mIoU"}


@dataclass(frozen=True)
class Confusion:
    """Pixels int64 (L, L): rows ground truth, columns mask or prediction; with the names of the rows."""

    names: tuple[str, ...]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Results:
    """Scores and curves of one run; mappings keep the order of the methods and supervisions in params."""

    methods: tuple[str, ...]
    supervision: tuple[str, ...]
    classifier: Metrics
    average_precision: dict[str, float | None]  # by class
    label_issues: list[dict[str, str]]  # rows of label_issues.csv
    diagnosis: Metrics
    pseudo_masks: dict[str, Metrics]  # by method, then by self-training round
    sweeps: dict[str, Points]  # of the same masks
    mask_confusion: dict[str, Confusion]  # of the same masks, refined
    evaluation: dict[str, Metrics]  # by supervision
    confusion: dict[str, Confusion]  # by supervision
    trained_on: dict[str, int]  # by supervision: number of training images with a mask
    curves: dict[str, Points]  # `classifier`, then by supervision
    train_scores: MiouByImage  # mIoU of `default_masks`
    val_scores: MiouByImage  # mIoU of the predictions of `default_supervision`, on `evaluation.split`
    train_confidences: MiouByImage = field(default_factory=dict)  # of the same masks
    val_confidences: MiouByImage = field(default_factory=dict)
    held_out: dict[str, Points] = field(default_factory=dict)  # scores while networks learnt; no empty ones


def read_results(
    reports: Path, methods: tuple[str, ...], supervision: tuple[str, ...], rounds: tuple[str, ...] = ()
) -> Results:
    """The results of these methods, supervisions and rounds; files of other ones are of earlier runs."""
    classifier, training = reports / "classifier", reports / "segmentation"
    masks, models = reports / "pseudo_masks", reports / "evaluation"
    lead, names = default_supervision(supervision), (*methods, *rounds)
    folders = {"classifier": classifier} | {s: training / s for s in supervision}
    classes = read_csv(classifier / "classes.csv")
    of_masks = masks / default_masks(methods, supervision) / "images.csv"
    return Results(
        methods=methods,
        supervision=supervision,
        classifier=read_json(classifier / "metrics.json"),
        average_precision={row["class"]: to_number(row["average_precision"]) for row in classes},
        label_issues=read_csv(classifier / "label_issues.csv"),
        diagnosis=read_json(reports / "diagnosis" / "diagnosis.json"),
        pseudo_masks={m: read_json(masks / m / "metrics.json") for m in names},
        sweeps={m: read_points(masks / m / "thresholds.csv", "threshold", "miou") for m in names},
        mask_confusion={m: read_confusion(masks / m / "confusion.csv") for m in names},
        evaluation={s: read_json(models / s / "metrics.json") for s in supervision},
        confusion={s: read_confusion(models / s / "confusion.csv") for s in supervision},
        trained_on={s: read_json(training / s / "metrics.json")["images"] for s in supervision},
        curves={name: read_points(path / "curve.csv", "step", "loss") for name, path in folders.items()},
        held_out=read_held_out_curves(folders),
        train_scores=read_scores(of_masks, "miou_after"),
        val_scores=read_scores(models / lead / "images.csv", "miou"),
        train_confidences=read_scores(
            masks / default_masks(methods, supervision) / "images.csv", "confidence"
        ),
        val_confidences=read_scores(models / lead / "images.csv", "confidence"),
    )


def read_held_out_curves(folders: Mapping[str, Path]) -> dict[str, Points]:
    """The scores of held-out images by step, by network and score; without empty ones."""
    curves = {
        f"{name}: {score}": read_points(path / "curve.csv", "step", column)
        for name, path in folders.items()
        for column, score in HELD_OUT_SCORES.items()
    }
    return {name: points for name, points in curves.items() if points}


def to_number(text: str) -> float | None:
    """The number of a CSV cell; None where it is empty."""
    return float(text) if text else None


def read_points(path: Path, x: str, y: str) -> Points:
    """The columns `x` and `y`; rows without a value of `y` are left out, and there are none without `y`."""
    return [(float(row[x]), float(row[y])) for row in read_csv(path) if row.get(y)]


def read_scores(path: Path, column: str) -> MiouByImage:
    """`column` by sample name; None where it is empty or missing."""
    return {row["name"]: to_number(row.get(column, "")) for row in read_csv(path)}


def read_confusion(path: Path) -> Confusion:
    """The confusion matrix of a CSV file with one row and one column for each class and the background."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    names = tuple(header[1:])
    counts = np.array([row[1:] for row in rows], np.int64)
    return Confusion(names, counts.reshape(len(names), len(names)))
