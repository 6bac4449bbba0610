"""The file `confusion.csv` of a confusion matrix, which the report reads."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.base.files import write_csv
from pipeline.evaluation.confusion import Counts


def write_confusion(file: Path, classes: Sequence[str], counts: Counts) -> None:
    """Write pixel counts (L, L), background first: a row for each true id, a column for each predicted id."""
    names = ("background", *classes)
    rows = [
        {"ground_truth": name, **dict(zip(names, row, strict=True))}
        for name, row in zip(names, counts.tolist(), strict=True)
    ]
    write_csv(file, ("ground_truth", *names), rows)
