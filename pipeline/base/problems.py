"""What is wrong with a data set: where, what was expected, what is there, and what to do."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Location:
    """Where a data set says something of an image."""

    file: Path
    at: str = ""  # what of the file: `line 3`, `images[7]`; empty: all of it


@dataclass(frozen=True)
class Problem:
    """One finding. A fatal one stops the pipeline; the others are warnings."""

    file: Path
    expected: str
    got: str
    advice: str
    location: Location | None = None  # in `file`, or in the file that names it
    fatal: bool = True
    missing: bool = False  # an image that is not there: it may be left out instead

    def __str__(self) -> str:
        where = f"{self.file}"
        if self.location and self.location.file == self.file:
            where += f", {self.location.at}" if self.location.at else ""
        elif self.location:
            where += f" ({', '.join(filter(None, (self.location.file.name, self.location.at)))})"
        return printable(f"{where}: expected {self.expected}, got {self.got}. {self.advice}")


def printable(text: str) -> str:
    """`text` on one line: names from files may hold what moves the cursor or cannot be encoded."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def listed(names: Sequence[object], most: int = 10) -> str:
    """The first `most` of `names` joined by commas, and how many more there are."""
    shown = ", ".join(map(str, names[:most]))
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"
