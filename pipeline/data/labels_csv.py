"""Reading of `labels.csv`: its rows, and everything that is wrong with them."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import get_args

from pipeline.data.files import inside
from pipeline.data.manifest import Split
from pipeline.data.problems import Problem

COLUMNS = ("image", "labels", "split", "score")
NEEDED = COLUMNS[:2]


@dataclass(frozen=True)
class Row:
    """What `labels.csv` says of one image."""

    line: int  # of the file, counted from 1
    image: str  # file below images/, with forward slashes
    labels: tuple[str, ...]  # without duplicates, in the order of the cell
    split: Split | None  # None: not said
    score: bool  # the mask may be used for scores

    @property
    def name(self) -> str:
        """The name of the sample: the image's path without its suffix."""
        return str(PurePosixPath(self.image).with_suffix(""))


def read_rows(folder: Path) -> tuple[list[Row], list[Problem]]:
    """The rows of `folder/labels.csv` that name an image, and all problems of the file.

    UTF-8 with or without byte order mark. Cells are stripped; a cell that cannot be read is a problem, and
    the row's other cells are still checked.
    """
    file = folder / "labels.csv"
    try:
        # strict: a quote that is never closed is an error, not a cell that swallows the rest of the file.
        reader = csv.reader(io.StringIO(file.read_text(encoding="utf-8-sig")), strict=True)
        lines = [(reader.line_num, [cell.strip() for cell in cells]) for cells in reader if any(cells)]
    except FileNotFoundError:
        return [], [
            Problem(file, "a table of the labels", "no such file", f"Write it with the columns {NEEDED}.")
        ]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        return [], [Problem(file, "a CSV file in UTF-8", str(error), "Save it as comma-separated UTF-8.")]
    header = lines[0][1] if lines else []
    problems = _check_header(file, header)
    if problems:
        return [], problems
    rows = []
    for line, cells in lines[1:]:
        row, found = _read_row(folder, header, line, cells)
        rows += [row] if row else []
        problems += found
    kept, repeated = _without_duplicates(file, rows)
    return kept, problems + repeated


def _check_header(file: Path, header: Sequence[str]) -> list[Problem]:
    counts = {column: header.count(column) for column in COLUMNS}
    wrong = [column for column in COLUMNS if counts[column] > 1 or (column in NEEDED and not counts[column])]
    return [
        Problem(file, f"one column `{column}`", f"the columns {list(header)}", "Correct the first line.", 1)
        for column in wrong
    ]


def _read_row(
    folder: Path, header: Sequence[str], line: int, cells: Sequence[str]
) -> tuple[Row | None, list[Problem]]:
    file = folder / "labels.csv"
    if len(cells) != len(header):
        advice = "Put cells that hold a comma in double quotes."
        return None, [Problem(file, f"{len(header)} cells", str(len(cells)), advice, line)]
    cell = dict(zip(header, cells, strict=True))
    outside = _check_image(folder, cell["image"], line)
    if outside:
        return None, [outside]
    labels, problems = _read_labels(file, cell["labels"], line)
    split, score = cell.get("split", ""), cell.get("score", "")
    if split and split not in get_args(Split):
        problems.append(
            Problem(file, "split train, val or test", repr(split), "Correct it or leave it empty.", line)
        )
    if score not in ("", "0", "1"):
        problems.append(
            Problem(file, "score 1 or 0", repr(score), "Correct it or leave it empty for 1.", line)
        )
    # An unknown split counts as train, so that it is one problem and not two.
    known: Split | None = next(
        (known for known in get_args(Split) if known == split), "train" if split else None
    )
    return Row(line, str(PurePosixPath(cell["image"])), labels, known, score != "0"), problems


def _check_image(folder: Path, image: str, line: int) -> Problem | None:
    """An image has to lie below images/, also after links are followed: its name becomes a file name."""
    file = folder / "labels.csv"
    path = PurePosixPath(image)
    if not path.name:
        return Problem(
            file, "an image file", "an empty cell", "Name a file below images/, or delete the line.", line
        )
    try:
        inside(folder, f"images/{image}")
        left = path.is_absolute() or ".." in path.parts
    except ValueError:
        left = True
    advice = "Write paths relative to images/, without `..`, and copy files that are links to elsewhere."
    return Problem(file, "an image below images/", repr(image), advice, line) if left else None


def _read_labels(file: Path, cell: str, line: int) -> tuple[tuple[str, ...], list[Problem]]:
    labels = [label.strip() for label in cell.split(";") if label.strip()]
    unique = tuple(dict.fromkeys(labels))
    if len(unique) == len(labels):
        return unique, []
    advice = "It counts once."
    return unique, [Problem(file, "each label once", repr(cell), advice, line, fatal=False)]


def _without_duplicates(file: Path, rows: Sequence[Row]) -> tuple[list[Row], list[Problem]]:
    """The first row of each name; two suffixes of one stem would share a mask, so they are duplicates too."""
    first: dict[str, Row] = {}
    problems = []
    for row in rows:
        other = first.setdefault(row.name, row)
        if other is not row:
            got = f"{row.image!r} after {other.image!r} in line {other.line}"
            advice = "Join the labels of one image with `;`, and rename files that differ in suffix only."
            problems.append(Problem(file, "each image name once", got, advice, row.line))
    return list(first.values()), problems
