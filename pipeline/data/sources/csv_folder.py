"""The `csv` source: images/ and labels.csv, and optionally masks/, classes.txt and labelmap.txt."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import get_args
from unicodedata import normalize

from pipeline.base.problems import Location, Problem
from pipeline.data.manifest import Split
from pipeline.data.names import after_background, may_be_class
from pipeline.data.problem_lists import BadEntry, collected, problem_at, warn_of
from pipeline.data.sources.documents import CLASS_LIST, listed_classes, read_text_file
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.mask_colours import read_colours
from pipeline.data.sources.records import (
    ParsedSource,
    SourceRecord,
    check_image,
    class_name,
    first_of_each_name,
    labels_of,
    stem,
)
from pipeline.params import DataParams

COLUMNS = ("image", "labels", "split", "score")
NEEDED = COLUMNS[:2]
OTHER_FORMATS = (
    "Make it, with the images in images/ and their labels in labels.csv, or give a folder of another format "
    "(docs/data.md)."
)


def read_folder(folder: Path, data: DataParams) -> ParsedSource:
    """The records of labels.csv, the classes in the order of the masks' ids, and all problems of the files.

    The ids count the lines of classes.txt, without it `data.classes`, without both the sorted labels. A
    background in the first line of classes.txt has the id 0.
    """
    if not (folder / "images").is_dir():
        raise BadEntry(Problem(folder, "a folder with images/ in it", "no such folder", OTHER_FORMATS))
    records, problems = read_records(folder)
    listing, masks = folder / CLASS_LIST, folder / "masks"
    names = data.classes if data.classes is not None and not data.rename else _class_names(records, data)
    if listing.exists():
        with collected(problems):
            names = tuple(after_background(listed_classes(folder)))
    elif data.rename and masks.is_dir():
        # With new names, neither the classes nor the labels say what the ids of the masks mean.
        expected = "it beside masks/ where data.rename is used"
        advice = "Write the names in the data to it, one per line, in the order of the ids of the masks."
        problems.append(Problem(listing, expected, "no such file", advice))
    colours = read_colours(folder, names, problems)
    problems += _unmatched(folder, records)
    return ParsedSource(folder / "labels.csv", tuple(records), names, names, tuple(problems), masks, colours)


def _class_names(records: Sequence[SourceRecord], data: DataParams) -> tuple[str, ...]:
    """The sorted labels that may be classes, since ids of masks count those."""
    return tuple(label for label in labels_of(records) if label in data.rename or may_be_class(label))


def read_records(folder: Path) -> tuple[list[SourceRecord], list[Problem]]:
    """The records of `folder/labels.csv` that name an image, and all problems of the file.

    UTF-8 with or without byte order mark. Cells are stripped; a cell that cannot be read is a problem, and
    the record's other cells are still checked.
    """
    file = folder / "labels.csv"
    problems: list[Problem] = []
    records: list[SourceRecord] = []
    with collected(problems):
        header, lines = _read_table(folder, file, problems)
        for line, cells in lines:
            with collected(problems):
                records.append(_read_record(folder, header, Location(file, f"line {line}"), cells, problems))
    distinct, repetitions = first_of_each_name(records)
    for record, first in repetitions:  # images that differ in their suffix only would share a mask
        image, first_image = (r.image.removeprefix("images/") for r in (record, first))
        got = f"{image!r} after {first_image!r} in {first.location.at}"
        advice = "Join the labels of one image with `;`, and rename files that differ in suffix only."
        problems.append(problem_at(record.location, "each image name once", got, advice))
    return distinct, problems


def _read_table(
    folder: Path, file: Path, problems: list[Problem]
) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and number and cells of each line behind it."""
    if not file.exists():
        advice = f"Write it with the columns {NEEDED}."
        raise BadEntry(Problem(file, "a table of the labels", "no such file", advice))
    text = read_text_file(folder, file, "a CSV file in UTF-8", "Save it as comma-separated UTF-8.")
    lines = _read_lines(file, text, problems)
    header = lines[0][1] if lines else []
    wrong = _check_header(file, header)
    if wrong:  # the lines that cannot be read say why, if there are such lines
        raise BadEntry(*([] if problems else wrong))
    return header, lines[1:]


def _read_lines(file: Path, text: str, problems: list[Problem]) -> list[tuple[int, list[str]]]:
    """Number and stripped cells of each line that is not empty; a line that is no CSV is a problem."""
    # strict: a quote that is never closed is an error, not a cell that swallows the rest of the file.
    reader = csv.reader(io.StringIO(text), strict=True)
    lines: list[tuple[int, list[str]]] = []
    while True:
        start = reader.line_num + 1
        try:
            cells = [cell.strip() for cell in next(reader)]
        except StopIteration:
            return lines
        except csv.Error as error:
            advice = "Close the quotes around its cells, and double a quote that is part of a name."
            problems.append(problem_at(Location(file, f"line {start}"), "a line of CSV", str(error), advice))
            continue
        if any(cells):
            lines.append((reader.line_num, cells))


def _check_header(file: Path, header: Sequence[str]) -> list[Problem]:
    joined = len(header) == 1 and any(mark in header[0] for mark in ";\t|")
    advice = "Save the table with commas between its cells." if joined else "Correct the first line."
    wrong = [c for c in COLUMNS if header.count(c) > 1 or (c in NEEDED and c not in header)]
    got, location = f"the columns {header}", Location(file, "line 1")
    return [problem_at(location, f"one column `{column}`", got, advice) for column in wrong]


def _read_record(
    folder: Path, header: Sequence[str], location: Location, cells: Sequence[str], problems: list[Problem]
) -> SourceRecord:
    if len(cells) != len(header):
        advice = "Put cells that hold a comma in double quotes."
        raise BadEntry(problem_at(location, f"{len(header)} cells", str(len(cells)), advice))
    cell = dict(zip(header, cells, strict=True))
    check_image(folder, cell["image"], location, "images/")
    image = PurePosixPath(cell["image"]).as_posix()
    labels = _read_labels(cell["labels"], location, problems)
    split = _read_split(cell.get("split", ""), location, problems)
    score = cell.get("score", "")
    if score not in ("", "0", "1"):
        advice = "Correct it or leave it empty for 1."
        problems.append(problem_at(location, "score 1 or 0", repr(score), advice))
    mask = f"masks/{stem(image)}.png"
    return SourceRecord(stem(image), f"images/{image}", labels, location, split, score != "0", mask)


def _read_split(cell: str, location: Location, problems: list[Problem]) -> Split | None:
    """The split of a cell; an unknown one counts as train, so that it is one problem and not two."""
    if cell and cell not in get_args(Split):
        advice = "Correct it or leave it empty."
        problems.append(problem_at(location, "split train, val or test", repr(cell), advice))
        return "train"
    return next((split for split in get_args(Split) if split == cell), None)


def _read_labels(cell: str, location: Location, problems: list[Problem]) -> tuple[str, ...]:
    labels = [class_name(label) for label in cell.split(";") if label.strip()]
    unique = tuple(dict.fromkeys(labels))
    if len(unique) < len(labels):
        problems.append(problem_at(location, "each label once", repr(cell), "It counts once.", fatal=False))
    return unique


def _unmatched(folder: Path, records: Sequence[SourceRecord]) -> list[Problem]:
    """Warnings on images that labels.csv does not name, and on masks that belong to no image."""
    named = {normalize("NFC", str(file)) for record in records for file in (record.image, record.mask)}
    images, masks = (
        [n for n in images_below(folder / part, []) if normalize("NFC", f"{part}/{n}") not in named]
        for part in ("images", "masks")
    )
    expected = "only images that labels.csv names", "only masks of images in labels.csv"
    add = "They are left out; add lines to labels.csv to use them."
    rename = "They are left out; name masks like their image, with the suffix .png."
    return [
        *warn_of(images, "unnamed", folder / "images", expected[0], add),
        *warn_of(masks, "others", folder / "masks", expected[1], rename),
    ]
