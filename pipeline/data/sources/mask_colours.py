"""The colours of a source's RGB masks, from its labelmap.txt or colours.txt."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.images import IGNORE
from pipeline.data.names import means_background, means_ignore
from pipeline.data.problem_lists import collected, problem_at
from pipeline.data.sources.documents import read_text_file
from pipeline.data.sources.records import class_name
from pipeline.formats.label_map import parse_label_map
from pipeline.formats.palette import Colour

COLOURS = "colours.txt"
FILES = ("labelmap.txt", COLOURS)
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
    """The id of each colour of the folder's table, for classes in the order `names`; None without a table."""
    table = read_labelmap(folder, problems)
    unknown = [name for name in table if _id(name, names) is None]
    if unknown:
        expected = f"a table of colours with the classes {listed(names)}, background or ignore"
        problems.append(Problem(folder, expected, listed(unknown), "Correct the names."))
    return {colour: i for name, colour in table.items() if (i := _id(name, names)) is not None} or None


def _id(name: str, names: Sequence[str]) -> int | None:
    if name in names:
        return names.index(name) + 1
    if means_background(name):
        return 0
    return IGNORE if means_ignore(name) else None
