"""What a source says of its images, before anything is checked against the files."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from pipeline.base.files import safe_join
from pipeline.base.problems import Location, Problem
from pipeline.data.manifest import Split
from pipeline.formats.palette import Colour

BACKGROUND = ("background", "_background", "_background_", "__background__")  # names that mean: no label


@dataclass(frozen=True)
class Shape:
    """The outline of one object, as its file has it; checked where it is drawn."""

    class_id: int  # of the source's classes from 1; 255: a crowd
    outline: object  # see `draw_outline`: polygons, an RLE or a brush
    at: str  # e.g. `annotations[7]`


@dataclass(frozen=True)
class SourceRecord:
    """What a source says of one image."""

    name: str  # of the sample: unique, becomes a file name
    image: str  # file relative to the folder, with forward slashes
    labels: tuple[str, ...]  # without duplicates
    location: Location
    split: Split | None = None  # None: not said
    score: bool = True  # the mask may be used for scores
    mask: str | tuple[Shape, ...] | None = None  # a file relative to the folder (may be missing), or outlines
    size: tuple[int, int] | None = None  # height, width that outlines are drawn for
    more: bool = False  # it shows objects that are no labels: without labels it is no background


@dataclass(frozen=True)
class ParsedSource:
    """What a folder says, and everything that is wrong with how it says it."""

    file: Path  # where labels are, for messages on all of them
    records: tuple[SourceRecord, ...] = ()
    names: tuple[str, ...] = ()  # the classes in the order of the ids of its masks
    classes: tuple[str, ...] = ()  # those of `names` that are used unless data.classes says otherwise
    problems: tuple[Problem, ...] = ()
    masks: Path = Path("masks")  # folder of the masks, for messages
    colours: Mapping[Colour, int] | None = None  # ids of RGB masks


def class_name(text: str) -> str:
    """`text` without space around it, and accents in one form: folders of a Mac spell them in two letters.

    Halves of characters, which JSON may hold and no file can, become question marks.
    """
    return normalize("NFC", text.strip()).encode("utf-8", "replace").decode()


def split_of(text: str) -> Split | None:
    """The split that a word means: `train2017`, `Validation`, `val`; None if it is no such word."""
    match text.casefold().rstrip("0123456789"):
        case "train" | "training" | "train_aug" | "trainaug":
            return "train"
        case "val" | "valid" | "validation":
            return "val"
        case "test" | "testing":
            return "test"
    return None


def check_image(folder: Path, image: str, location: Location, below: str = "") -> Problem | None:
    """An image has to lie in `folder/below`, also after links are followed: its name becomes a file name."""
    path, where = PurePosixPath(image), f"below {below}" if below else f"in {folder}"
    if not path.name:
        advice = f"Name a file {where}, or delete the line."
        return Problem(location.file, "an image file", "an empty cell or name", advice, location)
    try:
        safe_join(folder, below + image).exists()  # fails for names that are too long
        left = path.is_absolute() or ".." in path.parts
    except (ValueError, OSError):
        left = True
    base = below or "the folder"
    advice = f"Write paths relative to {base}, without `..`, and copy files that are links to elsewhere."
    return Problem(location.file, f"an image {where}", repr(image[:200]), advice, location) if left else None


def stem(image: str) -> str:
    """A file name without its suffix; what names no file, as `/`, as it is."""
    path = PurePosixPath(image)
    return str(path.with_suffix("")) if path.name else image


def with_distinct_names(records: Sequence[SourceRecord]) -> tuple[list[SourceRecord], list[Problem]]:
    """Names keep the suffix where two images differ in nothing else; what is still the same is a problem."""
    counts = Counter(record.name for record in records)
    named = [replace(record, name=record.image) if counts[record.name] > 1 else record for record in records]
    first: dict[str, SourceRecord] = {}
    problems = []
    for record in named:
        other = first.setdefault(record.name, record)
        if other is not record:
            got, advice = (
                f"{record.image!r} again",
                f"It is in {other.location.file} too ({other.location.at}).",
            )
            problems.append(Problem(record.location.file, "each image once", got, advice, record.location))
    return list(first.values()), problems
