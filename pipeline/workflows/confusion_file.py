"""The file `confusion.csv` of a confusion matrix, which the report reads."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.base.files import write_csv
from pipeline.evaluation.confusion import Counts


def label_names(classes: Sequence[str]) -> tuple[str, ...]:
    """The name of each id: 0 is the background."""
    return ("background", *classes)


def write_confusion(file: Path, classes: Sequence[str], counts: Counts, *, background: bool = True) -> None:
    """Write pixel counts (L, L), background first: a row for each true id, a column for each predicted id.

    In data without `background`, the id 0 is left out.
    """
    names = label_names(classes)
    if not background:
        names, counts = names[1:], counts[1:, 1:]
    rows = [
        {"ground_truth": name, **dict(zip(names, row, strict=True))}
        for name, row in zip(names, counts.tolist(), strict=True)
    ]
    write_csv(file, ("ground_truth", *names), rows)
