"""Tables of colours, for masks that are drawn in RGB."""

import re
from collections.abc import Sequence
from pathlib import Path

from pipeline.base.problems import Place, Problem, listed
from pipeline.data.images import IGNORE, Colour
from pipeline.data.sources.documents import read_text_file
from pipeline.data.sources.rows import BACKGROUND, class_name

FILES = ("labelmap.txt", "colours.txt")
LINE = re.compile(r"(.+?):(\d{1,3}),(\d{1,3}),(\d{1,3})(?::.*)?", re.ASCII)
VOID = ("ignore", "void", "boundary", "border")  # names of what no class covers


def read_labelmap(folder: Path) -> tuple[dict[str, Colour], list[Problem]]:
    """The colour of each name in labelmap.txt or colours.txt, in the order of its lines; empty without one.

    A line is `name:red,green,blue`; what follows another colon is ignored, as CVAT writes it.
    """
    file = next((folder / name for name in FILES if (folder / name).is_file()), None)
    if file is None:
        return {}, []
    try:
        lines = read_text_file(folder, file).splitlines()
    except (OSError, ValueError) as error:
        return {}, [Problem(file, "lines `name:red,green,blue`", str(error), "Save it as UTF-8 text.")]
    table: dict[str, Colour] = {}
    problems = []
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colour = _read_line(line)
        if colour is None or name in table or colour in table.values():
            expected, place = (
                "`name:red,green,blue`, each name and colour once",
                Place(file, f"line {number}"),
            )
            problems.append(Problem(file, expected, repr(line), "Correct the line.", place))
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


def _read_line(line: str) -> tuple[str, Colour | None]:
    found = LINE.fullmatch(line.strip())
    if not found or max(int(value) for value in found.group(2, 3, 4)) > 255:
        return "", None
    name, red, green, blue = found.group(1, 2, 3, 4)
    return class_name(name), (int(red), int(green), int(blue))


def _id(name: str, names: Sequence[str]) -> int | None:
    if name in BACKGROUND:
        return 0
    if name in names:
        return names.index(name) + 1
    return IGNORE if name in VOID else None
