"""The records of tables of labels, line by line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import get_args

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.images import SUFFIXES
from pipeline.data.manifest import Split
from pipeline.data.problem_lists import BadEntry, collected, problem_at, warn_of
from pipeline.data.sources.csv_columns import Columns, find_columns, labels_in, said_of_columns
from pipeline.data.sources.csv_images import IMAGES, ImageFinder
from pipeline.data.sources.csv_labels import choose_separator, names_in, said_of_separator
from pipeline.data.sources.csv_table import LabelTable, read_table
from pipeline.data.sources.listing import visible_files
from pipeline.data.sources.records import SourceRecord, first_of_each_name, labels_of, stem
from pipeline.data.sources.splits import split_of

OWN_TABLE = "labels.csv"
TABLES = "*.[cCtT][sS][vV]"
OTHERS = ("*.json", "*.txt", "*.xml", "*.y*ml")  # other files that may hold labels
FEW = 3  # tables of which is said why they are none
START_ONE = (
    "Write it with the columns `image` and `labels` (`camseg check FOLDER --write-labels` starts one), or "
    "name the --source of another format (docs/data.md)."
)


@dataclass(frozen=True)
class _Rows:
    """How the lines of a table are read."""

    table: LabelTable
    columns: Columns
    separator: str
    split: Split | None  # of the whole table


def tables_of(folder: Path) -> list[Path]:
    """labels.csv; without it, other tables that hold images and labels, in the folder or one level down."""
    own = folder / OWN_TABLE
    if own.exists():
        return [own]
    files = visible_files(folder, TABLES)
    return [f for f in files if "submission" not in f.stem.casefold() and _is_table(folder, f)]


def read_tables(
    folder: Path, files: Sequence[Path], images: Sequence[str], separator: str
) -> tuple[list[SourceRecord], list[Problem]]:
    """The records of tables that name an image, without masks, and all problems of the tables.

    Cells are stripped; a cell that cannot be read is a problem; the record's others are still checked.
    """
    problems: list[Problem] = []
    if not files:
        problems += _without_table(folder, images, separator)
    finder, records = ImageFinder(folder, images), list[SourceRecord]()
    for file in files:
        with collected(problems):
            rows = _rows(folder, file, separator, problems)
            found = []
            for location, cells in rows.table.rows(problems):
                with collected(problems):
                    found.append(_record(rows, finder, location, cells, problems))
            names = labels_of(found)
            problems += (
                said_of_separator(file, rows.separator, separator, names) if rows.columns.labels else []
            )
            records += found if rows.columns.labels == "labels" else _joined(file, found, problems)
    problems += finder.files.said(folder)
    return _each_once(records, problems), problems


def _without_table(folder: Path, images: Sequence[str], separator: str) -> list[Problem]:
    """What a folder without labels lacks, why its tables are none, and other files that may hold labels."""
    if not images:
        advice = "Give the folder that holds them; unpack an archive first."
        return [Problem(folder, f"images ({', '.join(SUFFIXES[:3])}, ...)", "none", advice)]
    problems = [Problem(folder / OWN_TABLE, "a table of the labels", "no such file", START_ONE)]
    for file in visible_files(folder, TABLES)[:FEW]:
        with collected(problems):
            _rows(folder, file, separator, [])
    others = [file.relative_to(folder).as_posix() for kind in OTHERS for file in visible_files(folder, kind)]
    advice = "If one of them holds the labels, name its format by --source, or write them to labels.csv."
    return problems + warn_of(others, "others", folder, "labels in a file that is understood", advice)


def _is_table(folder: Path, file: Path) -> bool:
    """Whether a file has columns of images and labels."""
    try:
        find_columns(read_table(folder, file, []))
    except BadEntry:
        return False
    return True


def _rows(folder: Path, file: Path, separator: str, problems: list[Problem]) -> _Rows:
    found: list[Problem] = []
    table = read_table(folder, file, found)
    problems += found
    try:
        columns = find_columns(table)
    except BadEntry as error:  # the lines that cannot be read say why, if there are such lines
        raise BadEntry(*([] if any(p.fatal for p in found) else error.problems)) from error
    problems += said_of_columns(table, columns)
    cells = table.column(columns.labels) if columns.labels else []
    split = None if file.name == OWN_TABLE or columns.split else split_of(file.stem)
    return _Rows(table, columns, choose_separator(cells, separator), split)


def _record(
    rows: _Rows, finder: ImageFinder, location: Location, cells: Mapping[str, str], problems: list[Problem]
) -> SourceRecord:
    columns = rows.columns
    split = _read_split(_cell(cells, columns.split), location, problems) or rows.split
    image = finder.find(cells[columns.image], location, split)
    if columns.labels:
        labels = _read_labels(cells[columns.labels], rows.separator, location, problems)
    else:
        labels = labels_in(columns, cells)
    score = _cell(cells, columns.score)
    if score not in ("", "0", "1"):
        advice = "Correct it or leave it empty for 1."
        problems.append(problem_at(location, "score 1 or 0", repr(score), advice))
    group = _cell(cells, columns.group) or None
    name = stem(image.removeprefix(IMAGES))
    return SourceRecord(name, image, labels, location, split, score != "0", group=group)


def _cell(cells: Mapping[str, str], column: str | None) -> str:
    return cells[column] if column else ""


def _read_split(cell: str, location: Location, problems: list[Problem]) -> Split | None:
    """The split of a cell; an unknown one counts as train, so that it is one problem and not two."""
    if not cell:
        return None
    split = next((split for split in get_args(Split) if split == cell), None) or split_of(cell)
    if split is None:
        advice = "Correct it or leave it empty."
        problems.append(problem_at(location, "split train, val or test", repr(cell), advice))
    return split or "train"


def _read_labels(cell: str, separator: str, location: Location, problems: list[Problem]) -> tuple[str, ...]:
    labels = names_in(cell, separator)
    unique = tuple(dict.fromkeys(labels))
    if len(unique) < len(labels):
        problems.append(problem_at(location, "each label once", repr(cell), "It counts once.", fatal=False))
    return unique


def _joined(file: Path, records: Sequence[SourceRecord], problems: list[Problem]) -> list[SourceRecord]:
    """One record for each image: tables with a line for each object name an image several times."""
    first: dict[str, SourceRecord] = {}
    several: dict[str, None] = {}
    for record in records:
        known = first.setdefault(record.image, record)
        if known is not record:
            several[record.image] = None
            first[record.image] = replace(known, labels=tuple(dict.fromkeys((*known.labels, *record.labels))))
            if known.split != record.split:
                got = f"{known.split} in {known.location.at}, {record.split} here"
                problems.append(problem_at(record.location, "each image in one split", got, "Correct it."))
    advice = "Their labels are joined."
    problems += warn_of(list(several), "in several lines", file, "a line for each image", advice)
    return list(first.values())


def _each_once(records: Sequence[SourceRecord], problems: list[Problem]) -> list[SourceRecord]:
    """The first record of each name: images that differ in their suffix only would share a mask."""
    distinct, repetitions = first_of_each_name(records)
    for record, first in repetitions:
        image, first_image = (r.image.removeprefix(IMAGES) for r in (record, first))
        got = f"{image!r} after {first_image!r} in {listed([first.location.at])}"
        advice = "Join the labels of one image with `;`, and rename files that differ in suffix only."
        problems.append(problem_at(record.location, "each image name once", got, advice))
    return distinct
