"""The `csv` source: images/ and labels.csv, and optionally masks/, classes.txt and labelmap.txt."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import get_args
from unicodedata import normalize

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.images import SUFFIXES
from pipeline.data.manifest import Split
from pipeline.data.sources.colour_tables import read_colours
from pipeline.data.sources.documents import read_text_file
from pipeline.data.sources.listing import HIDDEN
from pipeline.data.sources.records import ParsedSource, SourceRecord, check_image, class_name, stem
from pipeline.params import DataParams

COLUMNS = ("image", "labels", "split", "score")
NEEDED = COLUMNS[:2]


def read_folder(folder: Path, data: DataParams) -> ParsedSource:
    """The records of labels.csv, the classes in the order of the masks' ids, and all problems of the files.

    The ids count the lines of classes.txt, without it `data.classes`, without both the sorted labels.
    """
    file = folder / "labels.csv"
    if not (folder / "images").is_dir():
        advice = (
            "Make it, with the images in images/ and their labels in labels.csv, or give a folder of another "
            "format (docs/data.md)."
        )
        return ParsedSource(
            file, problems=(Problem(folder, "a folder with images/ in it", "no such folder", advice),)
        )
    records, problems = read_records(folder)
    names, found = _names(folder, data, records)
    problems += found
    colours, found = read_colours(folder, names)
    problems += found + _unclear_ids(folder, data) + unmatched(folder, records)
    return ParsedSource(file, tuple(records), names, names, tuple(problems), folder / "masks", colours)


def _names(
    folder: Path, data: DataParams, records: Sequence[SourceRecord]
) -> tuple[tuple[str, ...], list[Problem]]:
    file = folder / "classes.txt"
    if file.exists():
        try:
            lines = read_text_file(folder, file).splitlines()
        except (OSError, ValueError) as error:
            return (), [Problem(file, "one class per line in UTF-8", str(error), "Save it as UTF-8 text.")]
        return tuple(class_name(line) for line in lines if line.strip()), []
    if data.classes is not None and not data.rename:
        return data.classes, []
    return tuple(sorted({label for record in records for label in record.labels})), []


def _unclear_ids(folder: Path, data: DataParams) -> list[Problem]:
    """With new names, neither the classes nor the labels say what the ids of masks were made for."""
    if not data.rename or (folder / "classes.txt").exists() or not (folder / "masks").is_dir():
        return []
    advice = "Write the names in the data to it, one per line, in the order of the ids of the masks."
    return [
        Problem(folder / "classes.txt", "it beside masks/ where data.rename is used", "no such file", advice)
    ]


def read_records(folder: Path) -> tuple[list[SourceRecord], list[Problem]]:
    """The records of `folder/labels.csv` that name an image, and all problems of the file.

    UTF-8 with or without byte order mark. Cells are stripped; a cell that cannot be read is a problem, and
    the record's other cells are still checked.
    """
    file = folder / "labels.csv"
    try:
        text = read_text_file(folder, file)
    except FileNotFoundError:
        return [], [
            Problem(file, "a table of the labels", "no such file", f"Write it with the columns {NEEDED}.")
        ]
    except (OSError, ValueError) as error:
        return [], [Problem(file, "a CSV file in UTF-8", str(error), "Save it as comma-separated UTF-8.")]
    lines, problems = _read_lines(file, text)
    header = lines[0][1] if lines else []
    wrong = _check_header(file, header)
    if wrong:
        return [], problems or wrong  # without a header, the lines that could not be read say why
    records = []
    for line, cells in lines[1:]:
        record, found = _read_record(folder, header, Location(file, f"line {line}"), cells)
        records += [record] if record else []
        problems += found
    kept, repeated = _without_duplicates(file, records)
    return kept, problems + repeated


def _read_lines(file: Path, text: str) -> tuple[list[tuple[int, list[str]]], list[Problem]]:
    """Number and stripped cells of each line that is not empty, and a problem for each that is no CSV."""
    # strict: a quote that is never closed is an error, not a cell that swallows the rest of the file.
    reader = csv.reader(io.StringIO(text), strict=True)
    lines: list[tuple[int, list[str]]] = []
    problems: list[Problem] = []
    while True:
        start = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return lines, problems
        except csv.Error as error:
            advice = "Close the quotes around its cells, and double a quote that is part of a name."
            location = Location(file, f"line {start}")
            problems.append(Problem(file, "a line of CSV", str(error), advice, location))
            continue
        if any(cells):
            lines.append((reader.line_num, cells))


def _check_header(file: Path, header: Sequence[str]) -> list[Problem]:
    counts = {column: header.count(column) for column in COLUMNS}
    joined = len(header) == 1 and any(mark in header[0] for mark in ";\t|")
    advice = "Save the table with commas between its cells." if joined else "Correct the first line."
    wrong = [column for column in COLUMNS if counts[column] > 1 or (column in NEEDED and not counts[column])]
    return [
        Problem(
            file,
            f"one column `{column}`",
            f"the columns {list(header)}",
            advice,
            Location(file, "line 1"),
        )
        for column in wrong
    ]


def _read_record(
    folder: Path, header: Sequence[str], location: Location, cells: Sequence[str]
) -> tuple[SourceRecord | None, list[Problem]]:
    if len(cells) != len(header):
        advice = "Put cells that hold a comma in double quotes."
        return None, [Problem(location.file, f"{len(header)} cells", str(len(cells)), advice, location)]
    cell = dict(zip(header, cells, strict=True))
    outside = check_image(folder, cell["image"], location, "images/")
    if outside:
        return None, [outside]
    labels, problems = _read_labels(cell["labels"], location)
    split, found = _read_split(cell.get("split", ""), location)
    problems += found + _check_score(cell.get("score", ""), location)
    image = str(PurePosixPath(cell["image"]))
    mask = f"masks/{stem(image)}.png"
    record = SourceRecord(
        stem(image), f"images/{image}", labels, location, split, cell.get("score") != "0", mask
    )
    return record, problems


def _read_split(cell: str, location: Location) -> tuple[Split | None, list[Problem]]:
    """An unknown split counts as train, so that it is one problem and not two."""
    if cell and cell not in get_args(Split):
        advice = "Correct it or leave it empty."
        return "train", [Problem(location.file, "split train, val or test", repr(cell), advice, location)]
    return next((known for known in get_args(Split) if known == cell), None), []


def _check_score(cell: str, location: Location) -> list[Problem]:
    advice = "Correct it or leave it empty for 1."
    wrong = cell not in ("", "0", "1")
    return [Problem(location.file, "score 1 or 0", repr(cell), advice, location)] if wrong else []


def _read_labels(cell: str, location: Location) -> tuple[tuple[str, ...], list[Problem]]:
    labels = [class_name(label) for label in cell.split(";") if label.strip()]
    unique = tuple(dict.fromkeys(labels))
    if len(unique) == len(labels):
        return unique, []
    advice = "It counts once."
    return unique, [Problem(location.file, "each label once", repr(cell), advice, location, fatal=False)]


def _without_duplicates(
    file: Path, records: Sequence[SourceRecord]
) -> tuple[list[SourceRecord], list[Problem]]:
    """The first record of each name; files that differ in suffix only would share a mask: duplicates too."""
    first: dict[str, SourceRecord] = {}
    problems = []
    for record in records:
        other = first.setdefault(record.name, record)
        if other is not record:
            one, two = (r.image.removeprefix("images/") for r in (record, other))
            got = f"{one!r} after {two!r} in {other.location.at}"
            advice = "Join the labels of one image with `;`, and rename files that differ in suffix only."
            problems.append(Problem(file, "each image name once", got, advice, record.location))
    return list(first.values()), problems


def unmatched(folder: Path, records: Sequence[SourceRecord]) -> list[Problem]:
    """Warnings on images that labels.csv does not name, and on masks that belong to no image."""
    named = {normalize("NFC", str(file)) for record in records for file in (record.image, record.mask)}
    unnamed, unused = (
        [name for name in _pictures(folder / part) if normalize("NFC", f"{part}/{name}") not in named]
        for part in ("images", "masks")
    )
    problems = []
    if unnamed:
        advice = "They are left out; add lines to labels.csv to use them."
        got = f"{len(unnamed)} unnamed: {listed(unnamed)}"
        problems.append(
            Problem(folder / "images", "only images that labels.csv names", got, advice, fatal=False)
        )
    if unused:
        advice = "They are left out; name masks like their image, with the suffix .png."
        got = f"{len(unused)} others: {listed(unused)}"
        problems.append(
            Problem(folder / "masks", "only masks of images in labels.csv", got, advice, fatal=False)
        )
    return problems


def _pictures(folder: Path) -> list[str]:
    files = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return [n for n in files if n.lower().endswith(SUFFIXES) and not PurePosixPath(n).name.startswith(HIDDEN)]
