"""The records that every source is read into, before the files are checked."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from pipeline.base.files import safe_join
from pipeline.base.problems import Location, Problem
from pipeline.data.manifest import Split
from pipeline.data.problem_lists import BadEntry, problem_at
from pipeline.formats.palette import Colour

LINE_ENDS = re.compile(r"[\n\v\f\r\x1c-\x1e\u2028\u2029]+")  # no list of names can hold them
NO_WIDTH = "\u200b\u2060\ufeff\u00ad"  # that a copied text may have around it


@dataclass(frozen=True)
class Shape:
    """The outline of one object, as its file has it; checked where it is drawn."""

    class_id: int  # of the source's classes from 1; 255: a crowd
    outline: object  # see `rasterise_outline`: polygons, an RLE or a brush
    at: str  # e.g. `annotations[7]`


@dataclass(frozen=True)
class ClassMask:
    """A file that shows where one class is, by whatever is not its background."""

    class_id: int  # of the source's classes from 1
    file: str  # relative to the folder


@dataclass(frozen=True)
class SourceRecord:
    """What a source says of one image."""

    name: str  # of the sample: unique, becomes a file name
    image: str  # file relative to the folder, with forward slashes
    labels: tuple[str, ...]  # without duplicates
    location: Location
    split: Split | None = None  # None: the source has no split
    score: bool = True  # the mask may be used for scores
    # A file relative to the folder (may be missing), outlines, or a file for each class.
    mask: str | tuple[Shape | ClassMask, ...] | None = None
    size: tuple[int, int] | None = None  # height, width that outlines are drawn for; None: those of the image
    group: str | None = None  # images of one source (a patient, a slide): a drawn split keeps them together
    more: bool = False  # the image shows objects that are no labels: without labels it is no background


Repetition = tuple[SourceRecord, SourceRecord]  # a record, and the first one of its name


@dataclass(frozen=True)
class ParsedSource:
    """The records of a folder, its classes, and the problems of its lists of labels."""

    file: Path  # where the labels are, for messages on all of them
    records: tuple[SourceRecord, ...] = ()
    names: tuple[str, ...] = ()  # of the classes, in the order of the ids of the masks
    classes: tuple[str, ...] = ()  # the part of `names` that is used where data.classes is not set
    problems: tuple[Problem, ...] = ()
    masks: Path = Path("masks")  # folder of the masks, for messages
    colours: Mapping[Colour, int] | None = None  # ids of RGB masks
    unnamed: tuple[tuple[Colour, float], ...] = ()  # colours of masks that need names, and their shares


def class_name(text: str) -> str:
    """`text` on one line, without space and signs of no width around it.

    Accents are one letter, and halves of characters in JSON are a `?`.
    """
    plain = LINE_ENDS.sub(" ", text).strip().strip(NO_WIDTH).strip()
    return normalize("NFC", plain).encode("utf-8", "replace").decode()


def check_image(folder: Path, image: str, location: Location, below: str = "") -> None:
    """Raise `BadEntry` unless `image` lies in `folder/below`, also after links are followed."""
    path, where = PurePosixPath(image), f"below {below}" if below else f"in {folder}"
    if not path.name:
        advice = f"Name a file {where}, or delete the line."
        raise BadEntry(problem_at(location, "an image file", "an empty cell or name", advice))
    try:
        safe_join(folder, below + image).exists()  # fails for names that are too long
        outside = path.is_absolute() or ".." in path.parts
    except (ValueError, OSError):
        outside = True
    if outside:
        base = below or "the folder"
        advice = f"Write paths relative to {base}, without `..`, and copy files that are links to elsewhere."
        raise BadEntry(problem_at(location, f"an image {where}", repr(image[:200]), advice))


def stem(image: str) -> str:
    """A file name without its suffix; a text that names no file, such as `/`, stays."""
    path = PurePosixPath(image)
    return str(path.with_suffix("")) if path.name else image


def labels_of(records: Iterable[SourceRecord]) -> list[str]:
    """All labels of the records, sorted, each once."""
    return sorted({label for record in records for label in record.labels})


def first_of_each_name(records: Iterable[SourceRecord]) -> tuple[list[SourceRecord], list[Repetition]]:
    """The first record of each name, and each later record with the first one of its name."""
    first: dict[str, SourceRecord] = {}
    repetitions = [(r, first[r.name]) for r in records if first.setdefault(r.name, r) is not r]
    return list(first.values()), repetitions


def parsed_source(
    file: Path, records: Sequence[SourceRecord], problems: list[Problem], names: Sequence[str] | None = None
) -> ParsedSource:
    """The records, each name once, with the classes `names`, else the sorted labels.

    Names keep the suffix where two images differ in nothing else; what is still the same is a problem.
    """
    counts = Counter(record.name for record in records)
    named = (replace(record, name=record.image) if counts[record.name] > 1 else record for record in records)
    distinct, repetitions = first_of_each_name(named)
    for record, first in repetitions:
        advice = f"It is in {first.location.file} too ({first.location.at})."
        problems.append(problem_at(record.location, "each image once", f"{record.image!r} again", advice))
    classes = tuple(labels_of(records) if names is None else names)
    return ParsedSource(file, tuple(distinct), classes, classes, tuple(problems), file)
