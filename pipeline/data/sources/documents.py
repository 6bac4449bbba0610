"""Text, JSON and XML of strangers: read without running or fetching anything, and within bounds."""

import json
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from pipeline.base.files import safe_join
from pipeline.base.problems import Problem

MOST_BYTES = 2_000_000_000  # of a JSON file; as Python values it takes several times as much memory
MOST_OTHER_BYTES = 500_000_000


class _NoDoctype(TreeBuilder):
    """Entities can only be declared in a DOCTYPE: they multiply, and name files. No export has one."""

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it has a DOCTYPE, which may hold what no export needs")


def read_text_file(folder: Path, file: Path, most: int = MOST_OTHER_BYTES) -> str:
    """The UTF-8 text of a file in `folder`, without byte order mark.

    Raises:
        OSError, ValueError: it cannot be read, is no UTF-8, is too large, or a link that leaves `folder`.
    """
    return _read_bytes(folder, file, most).decode("utf-8-sig")


def read_json_file(folder: Path, file: Path) -> tuple[Any, list[Problem]]:
    """The value of a JSON file; None and a problem if it is none. NaN and infinity are refused."""
    try:
        return json.loads(read_text_file(folder, file, MOST_BYTES), parse_constant=_refuse), []
    except (OSError, ValueError, RecursionError) as error:
        return None, [Problem(file, "JSON in UTF-8", _reason(error), "Export it again.")]


def read_xml_file(folder: Path, file: Path) -> tuple[Element | None, list[Problem]]:
    """The root of an XML file; None and a problem if it is none."""
    try:
        parser = XMLParser(target=_NoDoctype())
        parser.feed(_read_bytes(folder, file, MOST_OTHER_BYTES))
        root: Element = parser.close()
        return root, []
    except (OSError, ValueError, LookupError, ParseError) as error:
        return None, [Problem(file, "XML", _reason(error), "Export it again.")]


def text_of(element: Element, tag: str) -> str:
    """The text of the first child `tag`, stripped; empty if there is none."""
    return (element.findtext(tag) or "").strip()


def _read_bytes(folder: Path, file: Path, most: int) -> bytes:
    safe_join(folder, file.relative_to(folder).as_posix())
    size = file.stat().st_size
    if size > most:
        raise ValueError(f"{size / 1e6:.0f} MB, more than {most / 1e6:.0f}")
    return file.read_bytes()


def _reason(error: Exception) -> str:
    """Of an OSError without its number and the path, which the problem names."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is no number of JSON")
