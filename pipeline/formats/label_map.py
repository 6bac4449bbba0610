"""Label maps: text files that give each class of a mask its colour, as CVAT reads and writes them."""

import re
from collections.abc import Iterable, Iterator

from pipeline.formats.palette import Colour

LINE = re.compile(r"(.+?):(\d{1,3}),(\d{1,3}),(\d{1,3})(?::.*)?", re.ASCII)
HEADER = "# label:color_rgb:parts:actions"


def format_label_map(entries: Iterable[tuple[str, Colour]]) -> str:
    """`name:red,green,blue:parts:actions`, a line for each entry; names hold no colon or line break."""
    lines = [f"{name}:{','.join(map(str, colour))}::" for name, colour in entries]
    return "\n".join([HEADER, *lines, ""])


def parse_label_map(text: str) -> Iterator[tuple[int, str, tuple[str, Colour] | None]]:
    """Number, text and entry `name:red,green,blue` of each line but empty ones and comments.

    The entry is None for another text. What follows a second colon is ignored.
    """
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip() and not line.startswith("#"):
            yield number, line, _parse_line(line)


def _parse_line(line: str) -> tuple[str, Colour] | None:
    entry = LINE.fullmatch(line.strip())
    if not entry:
        return None
    name, red, green, blue = entry.group(1), *(int(value) for value in entry.group(2, 3, 4))
    return (name, (red, green, blue)) if max(red, green, blue) <= 255 else None
