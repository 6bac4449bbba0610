"""Which columns of a table hold images and labels, however its author called them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.images import SUFFIXES
from pipeline.data.names import means_background
from pipeline.data.problem_lists import BadEntry, problem_at
from pipeline.data.sources.csv_table import LabelTable
from pipeline.data.sources.folder_names import plain

# In the order in which they are taken.
IMAGE = "image imageid imagename imagefile imagefilename imagepath images filename file filepath path photo"
IMAGE += " picture img imgid imgname imgfile imgpath fname name imageindex id uid"
LABELS = "labels label class classes classname classlabel category categories categoryname choice choices"
LABELS += " tag tags target species diagnosis findinglabels finding"
SPLIT = "split subset set partition"
# What people and programs write in a column of a class, as a table program does in its own language.
YES = (
    "1",
    "1.0",
    "1,0",
    "true",
    "t",
    "yes",
    "y",
    "x",
    "wahr",
    "ja",
    "j",
    "vrai",
    "oui",
    "verdadero",
    "si",
    "sí",
)
NO = ("0", "0.0", "0,0", "false", "f", "no", "n", "-", "falsch", "nein", "faux", "non", "falso")


@dataclass(frozen=True)
class Columns:
    """The names of the columns that are read."""

    image: str
    labels: str | None  # None: a column for each class
    classes: tuple[str, ...] = ()  # columns of yes and no
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
    return tuple(column for column in columns.classes if _says(cells[column]))


def said_of_columns(table: LabelTable, columns: Columns) -> list[Problem]:
    """Warnings on how a table was read, unless it has the columns of docs/data.md."""
    if columns.image == "image" and columns.labels == "labels":
        return []
    labels = (
        f"labels in `{columns.labels}`" if columns.labels else f"a class each in {listed(columns.classes)}"
    )
    used = set(columns.used)
    others = [column for column in table.header if column and column not in used]
    got = f"images in `{columns.image}`, {labels}" + (f"; not read: {listed(others)}" if others else "")
    advice = "If this is wrong, call the right columns `image` and `labels`."
    said = [Problem(table.file, "columns `image` and `labels`", got, advice, fatal=False)]
    return said + ([] if columns.labels else list(_odd_cells(table, others, fatal=False)))


def _first(header: Sequence[str], words: str) -> str | None:
    """The column whose name comes first among the words."""
    named = {plain(column): column for column in reversed(header)}
    return next((named[word] for word in words.split() if word in named), None)


def _yes_or_no(table: LabelTable) -> tuple[str, ...]:
    """Columns that hold yes and no alone, and both of them."""
    said = {column: set(map(_says, set(table.column(column)))) for column in table.header if column}
    return tuple(column for column, answers in said.items() if answers == {True, False})


def _says(cell: str) -> bool | None:
    """Yes or no, as a cell says whether an image has a class; an empty cell says no. None: neither."""
    word = cell.casefold()
    return True if word in YES else False if word in NO or means_background(word) else None


def _odd_cells(table: LabelTable, columns: Sequence[str], fatal: bool) -> Iterator[Problem]:
    """The first cell of each column that says neither yes nor no, where most cells of the column do."""
    for column in columns:
        cells = table.column(column)
        counts = Counter(cells)
        odd = {cell for cell in counts if _says(cell) is None}
        if odd and any(map(_says, counts)) and 2 * sum(counts[cell] for cell in odd) <= len(cells):
            place, cell = next((i, cell) for i, cell in enumerate(cells) if cell in odd)
            location, _ = next(islice(table.rows([]), place, None))
            advice = "The column is not read. If it is a class, write 1 or 0 in each cell."
            got = f"{cell!r} in `{column}`"
            yield problem_at(location, "1 or 0 in the cells of a class", got, advice, fatal)


def _check_header(table: LabelTable, image: str | None, labels: object) -> None:
    location, got = Location(table.file, "line 1"), f"the columns {list(table.header)}"
    advice = "Correct the first line: give the columns of images and labels these names."
    if any(column.lower().endswith(SUFFIXES) for column in table.header):
        advice = "The first line names an image: write a line with the names of the columns above it."
    missing = [word for word, found in (("image", image), ("labels", labels)) if not found]
    read = (image, labels, "split", "score", "group")
    twice = [
        column for column in dict.fromkeys(table.header) if column in read and table.header.count(column) > 1
    ]
    raised = [problem_at(location, f"one column `{column}`", got, advice) for column in (*missing, *twice)]
    if missing == ["labels"]:
        raised += _odd_cells(table, [column for column in table.header if column], fatal=True)
    if raised:
        raise BadEntry(*raised)
