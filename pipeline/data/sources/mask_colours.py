"""The colours of RGB masks, from labelmap.txt or colours.txt, else from a table of another program."""

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.images import IGNORE
from pipeline.data.names import means_background, means_ignore
from pipeline.data.problem_lists import BadEntry, collected, problem_at
from pipeline.data.sources.documents import read_text_file
from pipeline.data.sources.records import class_name
from pipeline.formats.colour_table import parse_colour_table
from pipeline.formats.label_map import parse_label_map
from pipeline.formats.palette import Colour

COLOURS = "colours.txt"
FILES = ("labelmap.txt", COLOURS)
OTHERS = re.compile(r".*(?:class|colou?r|palette|legend|label|meta).*\.(?:csv|txt|json)", re.IGNORECASE)
MOST_BYTES = 1_000_000  # of a table of another program
UNNAMED = "?"  # names begin so that nobody has replaced


def read_labelmap(folder: Path, problems: list[Problem]) -> dict[str, Colour]:
    """The colour of each name in labelmap.txt or colours.txt, in the order of the lines; empty without one.

    A line that cannot be read is a problem. The other lines are still read.
    """
    table: dict[str, Colour] = {}
    file = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if file is None:
        return table
    with collected(problems):
        text = read_text_file(folder, file, "lines `name:red,green,blue`")
        for number, line, entry in parse_label_map(text):
            name, colour = (class_name(entry[0]), entry[1]) if entry else ("", None)
            if name.startswith(UNNAMED):
                location, advice = Location(file, f"line {number}"), "Write a class, background or ignore."
                problems.append(problem_at(location, "the name of a colour", repr(name), advice))
            if colour is None or name in table or colour in table.values():
                expected = "`name:red,green,blue`, each name and colour once"
                location = Location(file, f"line {number}")
                problems.append(problem_at(location, expected, repr(line), "Correct the line."))
            else:
                table[name] = colour
    return table


def read_colours(folder: Path, names: Sequence[str], problems: list[Problem]) -> dict[Colour, int] | None:
    """The id of each colour of the folder's table, for classes in the order `names`; None without a table.

    A table of another program counts if it has no other names.
    """
    table = read_labelmap(folder, problems)
    if not table:
        return _ids(other_table(folder), names)
    unknown = [name for name in table if id_of_name(name, names) is None]
    if unknown:
        expected = f"a table of colours with the classes {listed(names)}, background or ignore"
        problems.append(Problem(folder, expected, listed(unknown), "Correct the names."))
    return {colour: i for name, colour in table.items() if (i := id_of_name(name, names)) is not None} or None


def other_table(folder: Path) -> dict[str, Colour]:
    """The colour of each name in the one table of another program in `folder`; empty without, or with two."""
    found = []
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if OTHERS.fullmatch(file.name) and file.name not in FILES and file.is_file():
            try:
                if file.stat().st_size <= MOST_BYTES:
                    found.append(parse_colour_table(read_text_file(folder, file, "a table of colours")))
            except (BadEntry, ValueError, TypeError, RecursionError):  # another file
                continue
    tables = [{class_name(name): colour for name, colour in table.items()} for table in found]
    return tables[0] if tables and all(table == tables[0] for table in tables) else {}


def _ids(table: dict[str, Colour], names: Sequence[str]) -> dict[Colour, int] | None:
    ids = {colour: id_of_name(name, names) for name, colour in table.items()}
    known = {colour: i for colour, i in ids.items() if i is not None}
    return known if known and len(known) == len(ids) else None


def id_of_name(name: str, names: Sequence[str]) -> int | None:
    """The id of a class of `names`, 0 of the background, 255 of what does not count; None: another name."""
    if name in names:
        return names.index(name) + 1
    if means_background(name):
        return 0
    return IGNORE if means_ignore(name) else None
