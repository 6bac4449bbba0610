"""The `yolo` source: a text file of boxes or polygons for each image, and the names in data.yaml."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from pipeline.base.problems import Location, Problem
from pipeline.data.problem_lists import BadEntry, collected, problem_at, warn_of
from pipeline.data.sources.documents import read_text_file
from pipeline.data.sources.identifiers import whole_number
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.mask_pairs import pair_key
from pipeline.data.sources.objects import AnnotatedObject, AnnotatedRecord, numbers, parsed_objects
from pipeline.data.sources.records import ParsedSource, SourceRecord, class_name, stem
from pipeline.data.sources.splits import split_of_path

LINE = re.compile(r"\s*\d+(\.0*)?(\s+-?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?){4,}\s*", re.ASCII)
LISTS = ("classes.txt", "obj.names", "predefined_classes.txt")  # one name in each line
BOX, FEWEST = (4, 5), 6  # numbers of a box, with or without a confidence; of a polygon at least
FAR = 1.5  # shares of the image beyond this are pixels, most likely


@dataclass(frozen=True)
class _Names:
    """The names of the numbers of the classes."""

    file: Path | None
    names: Mapping[int, str]

    def of(self, number: int, location: Location) -> str:
        if self.file is None:
            return str(number)
        if number not in self.names:
            got, advice = str(number), f"Add it to {self.file.name}, or correct the line."
            raise BadEntry(problem_at(location, f"a number of a class in {self.file.name}", got, advice))
        return self.names[number]


def read_folder(folder: Path) -> ParsedSource:
    """A record for each image with a text file, or beside images with text files.

    Text files lie beside their images, or in labels/ where these lie in images/, above or below the folders
    of the splits. Polygons become masks; boxes give labels only. An empty text file means: no label.
    """
    problems: list[Problem] = []
    names = _read_names(folder, problems)
    unnamed = names.file is None and not problems
    texts = {pair_key(name): name for name in label_files(folder)}
    images = images_below(folder, problems)
    labelled = {name: texts[key] for name in images if (key := pair_key(name)) in texts}
    with_texts = {PurePosixPath(name).parent for name in labelled}
    bare = [name for name in images if name not in labelled]
    background = [name for name in bare if PurePosixPath(name).parent in with_texts]
    empty = set(background)
    entries: list[AnnotatedRecord] = []
    for name in images:
        if name in labelled or name in empty:
            with collected(problems):
                entries.append(_read_record(folder, name, labelled.get(name), names, problems))
    problems += _left_over(folder, labelled, texts, background, [n for n in bare if n not in empty])
    if unnamed and entries:
        advice = "The numbers are the names. Write data.yaml with `names: [...]`."
        problems.append(Problem(folder, "names of the classes in data.yaml", "none", advice, fatal=False))
    ordered = [names.names[i] for i in sorted(names.names)]
    used = {thing.name for _, things in entries for thing in things}
    order = ordered or sorted(used, key=lambda name: (len(name), name))
    return parsed_objects(folder, entries, problems, order)


def label_files(folder: Path) -> list[str]:
    """The text files of boxes and polygons, relative to the folder: lists of names and images are none.

    `classes.txt` is one if its first line is a box or a polygon: of an image `classes.jpg`.
    """
    files = [file for file in sorted(folder.rglob("*.txt")) if file.is_file() and not file.is_symlink()]
    names = [file.relative_to(folder) for file in files if file.name not in LISTS or is_label_file(file)]
    return [name.as_posix() for name in names if not any(part.startswith(".") for part in name.parts)]


def is_label_file(file: Path) -> bool:
    """Whether the first line of a text file is that of a box or a polygon."""
    with file.open("rb") as content:
        line = content.readline(2**16).decode("utf-8-sig", "replace")
    return LINE.fullmatch(line) is not None


def names_file(folder: Path) -> Path | None:
    """The YAML file with the names of the classes; None without one."""
    files = sorted([*folder.glob("*.y*ml"), *folder.glob("*/*.y*ml")])
    files = [f for f in files if f.is_file() and not f.is_symlink() and f.stat().st_size < 2**20]
    return next((f for f in files if re.search(rb"(?m)^names\s*:", f.read_bytes())), None)


def _read_names(folder: Path, problems: list[Problem]) -> _Names:
    file = names_file(folder)
    if file is not None:
        with collected(problems):
            return _Names(file, _yaml_names(folder, file))
        return _Names(None, {})
    found = (path for name in LISTS for path in (folder / name, *sorted(folder.glob(f"*/{name}"))))
    listing = next((path for path in found if path.is_file() and not is_label_file(path)), None)
    if listing is not None:
        with collected(problems):
            lines = read_text_file(folder, listing, "one class per line in UTF-8").splitlines()
            return _Names(listing, dict(enumerate(class_name(line) for line in lines if line.strip())))
    return _Names(file or listing, {})


def _yaml_names(folder: Path, file: Path) -> dict[int, str]:
    """The names of a list, or of a dictionary of numbers."""
    text = read_text_file(folder, file, "YAML in UTF-8")
    try:
        value = YAML(typ="safe", pure=True).load(text)
    except (YAMLError, ValueError, RecursionError, TypeError, AttributeError) as error:
        problem = getattr(error, "problem", None) or "other text"
        raise BadEntry(Problem(file, "YAML", str(problem), "Correct the file.")) from error
    names: Any = value.get("names") if isinstance(value, dict) else None
    listing = names if isinstance(names, list) else []
    pairs = list(names.items()) if isinstance(names, dict) else list(enumerate(listing))
    numbered = {whole_number(key): class_name(str(n)) for key, n in pairs if isinstance(n, str | int | float)}
    if not numbered or None in numbered or len(numbered) < len(pairs):
        advice = "Write `names: [cat, dog]`, or `names:` with lines `0: cat`."
        raise BadEntry(Problem(file, "a list of names, or numbers with names", "something else", advice))
    return {number: name for number, name in numbered.items() if number is not None}


def _read_record(
    folder: Path, image: str, text: str | None, names: _Names, problems: list[Problem]
) -> AnnotatedRecord:
    location = Location(folder / (text or image))
    record = SourceRecord(stem(image), image, (), location, split_of_path(image))
    if text is None:
        return record, ()
    things = []
    for number, line in enumerate(read_text_file(folder, folder / text, "lines of numbers").splitlines(), 1):
        if line.strip():
            with collected(problems):
                things.append(_read_line(Location(folder / text, f"line {number}"), line, names))
    return record, things


def _read_line(location: Location, line: str, names: _Names) -> AnnotatedObject:
    head, *rest = line.split()
    number = whole_number(head)
    try:
        values = numbers(rest)
    except ValueError:
        values = []
    box = len(values) in BOX
    fits = box or (len(values) >= FEWEST and len(values) % 2 == 0)
    if number is None or not fits or any(abs(value) > FAR for value in values[:4] if box or value):
        expected = "the number of a class and 4 shares of a box, or the points of a polygon, in 0..1"
        raise BadEntry(problem_at(location, expected, repr(line[:60]), "Correct the line or delete it."))
    name = names.of(number, location)
    return AnnotatedObject(name, None if box else {"shares": values}, location.at, box)


def _left_over(
    folder: Path,
    labelled: Mapping[str, str],
    texts: Mapping[tuple[str, str], str],
    background: Sequence[str],
    bare: Sequence[str],
) -> list[Problem]:
    """Warnings on images without a text file, and on text files of boxes without an image."""
    known = set(labelled.values())
    lost = [name for name in texts.values() if name not in known and is_label_file(folder / name)]
    expected = "a text file for each image"
    return [
        *warn_of(background, "without one", folder, expected, "They count as background."),
        *warn_of(bare, "in folders without any", folder, expected, "They are left out."),
        *warn_of(lost, "without one", folder, "an image for each text file", "They are left out."),
    ]
