"""Tables of names and colours that other programs put beside RGB masks: lines of text, CSV, JSON."""

import json
import re
from collections.abc import Iterator
from typing import Any

from pipeline.formats.palette import Colour

GAP = r"[\s,;:]+"
RGB = rf"(\d{{1,3}}){GAP}(\d{{1,3}}){GAP}(\d{{1,3}})"
LINES = (  # as `class_dict.csv` and `label_colors.txt` have them
    re.compile(rf"(?P<name>.+?){GAP}{RGB}", re.ASCII),
    re.compile(rf"{RGB}{GAP}(?P<name>\D.*)", re.ASCII),
    re.compile(rf"(?P<name>.+?){GAP}(?P<hex>#[0-9a-fA-F]{{6}})", re.ASCII),
)
NUMBERED = re.compile(r"[,;]|^\d+\s")  # of a line with more columns
NAMES, COLOURS = ("title", "name", "label"), ("color", "colour", "rgb")  # keys of JSON


def parse_colour_table(text: str) -> dict[str, Colour]:
    """The colour of each name, in the order of the file; empty for another text.

    Raises:
        ValueError: the text is no table of names and colours, each of them once.
    """
    found = list(_of_json(json.loads(text)) if text.lstrip()[:1] in ("{", "[") else _of_lines(text))
    table = dict(found)
    if not table or not len(table) == len(found) == len(set(table.values())):
        raise ValueError("expected names and colours, each of them once")
    return table


def _of_lines(text: str) -> Iterator[tuple[str, Colour]]:
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and not line.startswith("#")]
    for number, line in enumerate(lines):
        match = next(filter(None, (pattern.fullmatch(line) for pattern in LINES)), None)
        if match:
            parts = match.groupdict()
            colour = parts.get("hex") or [group for group in match.groups() if group != parts["name"]]
            yield _entry(parts["name"], colour)
        elif number or re.search(r"\d", line):  # the first line may be the names of the columns
            raise ValueError(f"expected a name and a colour, got {line!r}")


def _of_json(value: Any) -> Iterator[tuple[str, Colour]]:
    if isinstance(value, dict) and isinstance(value.get("classes"), list):
        value = value["classes"]
    if isinstance(value, dict):
        yield from (_entry(name, colour) for name, colour in value.items())
        return
    for item in value:
        if not isinstance(item, dict):
            raise ValueError("expected objects with a name and a colour")
        name, colour = (next((item[key] for key in keys if key in item), None) for keys in (NAMES, COLOURS))
        yield _entry(name, colour)


def _entry(name: object, colour: object) -> tuple[str, Colour]:
    if isinstance(colour, str) and re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        colour = list(bytes.fromhex(colour[1:]))
    if not isinstance(name, str) or not isinstance(colour, list) or len(colour) != 3:
        raise ValueError("expected a name, and a colour of three numbers or #rrggbb")
    red, green, blue = (int(number) for number in colour)
    name = name.strip(" \"'")
    if not name or NUMBERED.search(name) or not 0 <= min(red, green, blue) <= max(red, green, blue) <= 255:
        raise ValueError(f"expected a name, and numbers from 0 to 255, got {name!r} and {colour}")
    return name, (red, green, blue)
