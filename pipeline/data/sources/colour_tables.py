"""Tables of colours, for masks that are drawn in RGB."""

from collections.abc import Sequence
from pathlib import Path

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.images import IGNORE
from pipeline.data.sources.documents import read_text_file
from pipeline.data.sources.records import BACKGROUND, class_name
from pipeline.formats.label_map import parse_label_map
from pipeline.formats.palette import Colour

FILES = ("labelmap.txt", "colours.txt")
VOID = ("ignore", "void", "boundary", "border")  # names of what no class covers


def read_labelmap(folder: Path) -> tuple[dict[str, Colour], list[Problem]]:
    """The colour of each name in labelmap.txt or colours.txt, in the order of its lines; empty without one.

    A line that cannot be read is a problem, and the others are still read.
    """
    file = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if file is None:
        return {}, []
    try:
        text = read_text_file(folder, file)
    except (OSError, ValueError) as error:
        return {}, [Problem(file, "lines `name:red,green,blue`", str(error), "Save it as UTF-8 text.")]
    table: dict[str, Colour] = {}
    problems = []
    for number, line, entry in parse_label_map(text):
        name, colour = (class_name(entry[0]), entry[1]) if entry else ("", None)
        if colour is None or name in table or colour in table.values():
            expected, location = (
                "`name:red,green,blue`, each name and colour once",
                Location(file, f"line {number}"),
            )
            problems.append(Problem(file, expected, repr(line), "Correct the line.", location))
        else:
            table[name] = colour
    return table, problems


def read_colours(folder: Path, names: Sequence[str]) -> tuple[dict[Colour, int] | None, list[Problem]]:
    """The id of each colour of the folder's table, for classes in the order `names`; None without a table."""
    table, problems = read_labelmap(folder)
    unknown = [name for name in table if _id(name, names) is None]
    if unknown:
        expected = f"a table of colours with the classes {listed(names)}, background or ignore"
        problems.append(Problem(folder, expected, listed(unknown), "Correct the names."))
    colours = {colour: i for name, colour in table.items() if (i := _id(name, names)) is not None}
    return colours or None, problems


def _id(name: str, names: Sequence[str]) -> int | None:
    if name in BACKGROUND:
        return 0
    if name in names:
        return names.index(name) + 1
    return IGNORE if name in VOID else None
