"""Which columns of a table hold images and labels, however its author called them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.problem_lists import BadEntry, problem_at
from pipeline.data.sources.csv_table import LabelTable
from pipeline.data.sources.folder_names import plain

# In the order in which they are taken.
IMAGE = "image imageid imagename imagefile imagefilename imagepath images filename file filepath path photo"
IMAGE += " picture img imgid imgname imgfile imgpath fname name imageindex id uid"
LABELS = "labels label class classes classname classlabel category categories categoryname choice choices"
LABELS += " tag tags target species diagnosis findinglabels finding"
SPLIT = "split subset set partition"
YES, NO = ("1", "1.0", "true"), ("", "0", "0.0", "false")


@dataclass(frozen=True)
class Columns:
    """The names of the columns that are read."""

    image: str
    labels: str | None  # None: a column for each class
    classes: tuple[str, ...] = ()  # columns of 0 and 1
    split: str | None = None
    score: str | None = None
    group: str | None = None

    @property
    def used(self) -> tuple[str, ...]:
        """All of them."""
        return *(c for c in (self.image, self.labels, self.split, self.score, self.group) if c), *self.classes


def find_columns(table: LabelTable) -> Columns:
    """The columns of a table. Raises `BadEntry` where images or labels are in none of them."""
    image, labels = _first(table.header, IMAGE), _first(table.header, LABELS)
    exact = image == "image" and labels == "labels"
    split, group = (next((c for c in table.header if plain(c) == word), None) for word in ("split", "group"))
    score = "score" if exact and "score" in table.header else None
    classes = _yes_or_no(table) if image and not labels else ()
    _check_header(table, image, labels or classes)
    if image is None:
        raise BadEntry
    if not exact and split is None:
        split = _first(table.header, SPLIT)
    return Columns(
        image, labels, tuple(c for c in classes if c not in (image, split, group)), split, score, group
    )


def labels_in(columns: Columns, cells: Mapping[str, str]) -> tuple[str, ...]:
    """The classes whose columns say yes."""
    return tuple(column for column in columns.classes if cells[column].casefold() in YES)


def said_of_columns(table: LabelTable, columns: Columns) -> list[Problem]:
    """A warning on how a table was read, unless it has the columns of docs/data.md."""
    if columns.image == "image" and columns.labels == "labels":
        return []
    labels = (
        f"labels in `{columns.labels}`" if columns.labels else f"a class each in {listed(columns.classes)}"
    )
    others = [column for column in table.header if column and column not in columns.used]
    got = f"images in `{columns.image}`, {labels}" + (f"; not read: {listed(others)}" if others else "")
    advice = "If this is wrong, call the right columns `image` and `labels`."
    return [Problem(table.file, "columns `image` and `labels`", got, advice, fatal=False)]


def _first(header: Sequence[str], words: str) -> str | None:
    """The column whose name comes first among the words."""
    named = {plain(column): column for column in reversed(header)}
    return next((named[word] for word in words.split() if word in named), None)


def _yes_or_no(table: LabelTable) -> tuple[str, ...]:
    """Columns that hold 0 and 1 alone, and 1 somewhere."""
    found = []
    for column in table.header:
        cells = {cell.casefold() for cell in table.column(column)} if column else set()
        if cells <= {*YES, *NO} and cells & {*YES} and cells & {*NO}:
            found.append(column)
    return tuple(found)


def _check_header(table: LabelTable, image: str | None, labels: object) -> None:
    location, got = Location(table.file, "line 1"), f"the columns {list(table.header)}"
    advice = "Correct the first line: give the columns of images and labels these names."
    missing = [word for word, found in (("image", image), ("labels", labels)) if not found]
    read = (image, labels, "split", "score", "group")
    twice = [
        column for column in dict.fromkeys(table.header) if column in read and table.header.count(column) > 1
    ]
    raised = [problem_at(location, f"one column `{column}`", got, advice) for column in (*missing, *twice)]
    if raised:
        raise BadEntry(*raised)
