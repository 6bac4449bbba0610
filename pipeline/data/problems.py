"""What is wrong with a data set: where, what was expected, what is there, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Problem:
    """One finding. A fatal one stops the pipeline; the others are warnings."""

    file: Path
    expected: str
    got: str
    advice: str
    line: int | None = None  # of labels.csv, counted from 1
    fatal: bool = True

    def __str__(self) -> str:
        where = f"{self.file}"
        if self.line is not None:
            where += (
                f", line {self.line}"
                if self.file.name == "labels.csv"
                else f" (labels.csv, line {self.line})"
            )
        return f"{where}: expected {self.expected}, got {self.got}. {self.advice}"


def listed(names: Sequence[object], most: int = 10) -> str:
    """The first `most` of `names` joined by commas, and how many more there are."""
    shown = ", ".join(map(str, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
