"""What the earlier stages wrote below `reports/`, read into one value."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.base.files import read_json
from pipeline.params import FULL, method_of

Metrics = dict[str, Any]  # a metrics.json; scores in [0, 1], None where there are no masks
MiouByImage = dict[str, float | None]  # by sample name
Points = list[tuple[float, float]]  # of a curve: (step, loss) or (threshold, mIoU)


@dataclass(frozen=True)
class Confusion:
    """Pixels of masks or predictions: int64 (L, L), rows ground truth, columns found, and the labels."""

    names: tuple[str, ...]
    counts: NDArray[np.int64]


@dataclass(frozen=True)
class Results:
    """Scores and curves of one run; mappings keep the order of the methods and supervisions asked for."""

    methods: tuple[str, ...]
    supervision: tuple[str, ...]
    classifier: Metrics
    average_precision: MiouByImage  # by class
    label_issues: list[dict[str, str]]  # rows of label_issues.csv: labels that the classifier contradicts
    diagnosis: Metrics
    pseudo_masks: dict[str, Metrics]  # by method, then by round of self-training
    sweeps: dict[str, Points]  # by the same
    mask_confusion: dict[str, Confusion]  # of the refined masks, by the same
    evaluation: dict[str, Metrics]  # by supervision
    confusion: dict[str, Confusion]  # by supervision
    trained_on: dict[str, int]  # by supervision: how many training images have a mask there
    curves: dict[str, Points]  # `classifier`, then by supervision
    train_scores: MiouByImage  # mIoU of `lead_masks`
    val_scores: MiouByImage  # mIoU of the predictions of `lead_supervision`, on `evaluation.split`


def lead_supervision(supervision: Sequence[str]) -> str:
    """The supervision that the headline is about: the first weak one, else `full`."""
    return next((s for s in supervision if s != FULL), FULL)


def lead_method(methods: Sequence[str], supervision: Sequence[str]) -> str:
    """The heatmap method that the headline is about: that of the leading model, else the first."""
    lead = lead_supervision(supervision)
    return methods[0] if lead == FULL else method_of(lead)


def lead_masks(methods: Sequence[str], supervision: Sequence[str]) -> str:
    """The masks that the headline is about: those that the leading model was trained on."""
    lead = lead_supervision(supervision)
    return methods[0] if lead == FULL else lead


def read_results(
    reports: Path, methods: tuple[str, ...], supervision: tuple[str, ...], rounds: tuple[str, ...] = ()
) -> Results:
    """Read the results of these methods, supervisions and rounds; others are of earlier runs.

    Raises:
        OSError: a stage has not written its results.
    """
    masks, models = reports / "pseudo_masks", reports / "evaluation"
    curves = {"classifier": reports / "classifier" / "curve.csv"}
    curves |= {s: reports / "segmentation" / s / "curve.csv" for s in supervision}
    classes = read_table(reports / "classifier" / "classes.csv")
    made, lead = (*methods, *rounds), lead_supervision(supervision)
    return Results(
        methods=methods,
        supervision=supervision,
        classifier=read_json(reports / "classifier" / "metrics.json"),
        average_precision={row["class"]: to_number(row["average_precision"]) for row in classes},
        label_issues=read_table(reports / "classifier" / "label_issues.csv"),
        diagnosis=read_json(reports / "diagnosis" / "diagnosis.json"),
        pseudo_masks={m: read_json(masks / m / "metrics.json") for m in made},
        sweeps={m: read_points(masks / m / "thresholds.csv", "threshold", "miou") for m in made},
        mask_confusion={m: read_confusion(masks / m / "confusion.csv") for m in made},
        evaluation={s: read_json(models / s / "metrics.json") for s in supervision},
        confusion={s: read_confusion(models / s / "confusion.csv") for s in supervision},
        trained_on={
            s: read_json(reports / "segmentation" / s / "metrics.json")["images"] for s in supervision
        },
        curves={name: read_points(file, "step", "loss") for name, file in curves.items()},
        train_scores=read_scores(masks / lead_masks(methods, supervision) / "images.csv", "miou_after"),
        val_scores=read_scores(models / lead / "images.csv", "miou"),
    )


def read_table(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file with a header line."""
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def to_number(text: str) -> float | None:
    """The number of a CSV cell; None where it is empty."""
    return float(text) if text else None


def read_points(path: Path, x: str, y: str) -> Points:
    """The columns `x` and `y`; rows without a value of `y` are left out."""
    return [(float(row[x]), float(row[y])) for row in read_table(path) if row[y]]


def read_scores(path: Path, column: str) -> MiouByImage:
    """`column` by sample name."""
    return {row["name"]: to_number(row[column]) for row in read_table(path)}


def read_confusion(path: Path) -> Confusion:
    """The confusion matrix of a table with one row and one column per label."""
    with path.open(encoding="utf-8", newline="") as file:
        header, *rows = list(csv.reader(file))
    names = tuple(header[1:])
    counts = np.array([[int(cell) for cell in row[1:]] for row in rows], np.int64)
    return Confusion(names, counts.reshape(len(names), len(names)))
