"""Text, JSON and XML files of strangers: read within bounds; nothing in them is run or fetched."""

import codecs
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError, TreeBuilder, XMLParser

from pipeline.base.files import safe_join
from pipeline.base.problems import Problem
from pipeline.data.problem_lists import BadEntry
from pipeline.data.sources.records import class_name

CLASS_LIST = "classes.txt"  # names in the order of the ids of masks
MOST_BYTES = 2_000_000_000  # of a JSON file; as Python values it takes several times as much memory
MOST_OTHER_BYTES = 500_000_000
DECLARATION = re.compile(rb"""\s*<\?xml[^>]*?\sencoding\s*=\s*["']([\w.:-]{1,40})["'][^>]*\?>""")


class _PlainTree(TreeBuilder):
    """The elements by the last part of their names, without a namespace.

    Refuses a DOCTYPE: only there can entities be declared, and entities multiply and name files.
    """

    def start(self, tag: str, attrs: dict[str, str], /) -> Element:
        return super().start(tag.rpartition("}")[2], attrs)

    def end(self, tag: str, /) -> Element:
        return super().end(tag.rpartition("}")[2])

    def doctype(self, name: str, pubid: str | None, system: str | None) -> None:
        raise ValueError("it has a DOCTYPE, which may hold what no export needs")


def read_text_file(folder: Path, file: Path, expected: str, advice: str = "Save it as UTF-8 text.") -> str:
    """The UTF-8 text of a file in `folder`, without byte order mark. Raises `BadEntry`."""
    with _reported(file, expected, advice):
        return decode_text(_read_bytes(folder, file))


def decode_text(content: bytes) -> str:
    """The text of UTF-8, or of UTF-16 with a byte order mark, as Windows writes it. Raises `ValueError`."""
    utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = content.decode("utf-16" if utf16 else "utf-8-sig")
    if "\0" in text:
        raise ValueError("zeros between the letters, as in UTF-16 or UTF-32 that does not say so")
    return text


def listed_classes(folder: Path) -> list[str]:
    """The lines of classes.txt; none without the file. Raises `BadEntry`."""
    file = folder / CLASS_LIST
    text = read_text_file(folder, file, "one class per line in UTF-8") if file.exists() else ""
    return [class_name(line) for line in text.splitlines() if line.strip()]


def read_json_file(folder: Path, file: Path) -> Any:
    """The value of a JSON file, which may hold NaN and infinity. Raises `BadEntry`."""
    with _reported(file, "JSON in UTF-8"):
        return json.loads(decode_text(_read_bytes(folder, file, MOST_BYTES)))


def read_xml_file(folder: Path, file: Path) -> Element:
    """The root of an XML file in UTF-8, or in the encoding that its first line names. Raises `BadEntry`."""
    with _reported(file, "XML"):
        parser = XMLParser(target=_PlainTree())
        content = _read_bytes(folder, file)
        declared = DECLARATION.match(content)
        if declared and not declared.group(1).lower().startswith(b"utf"):
            # The parser itself knows no encodings of several bytes, such as GBK.
            parser.feed(content[declared.end() :].decode(declared.group(1).decode()))
        else:
            parser.feed(decode_text(content))
        root: Element = parser.close()
        return root


def text_of(element: Element, tag: str) -> str:
    """The text of the first child `tag`, stripped; empty if there is none."""
    return (element.findtext(tag) or "").strip()


def _read_bytes(folder: Path, file: Path, most: int = MOST_OTHER_BYTES) -> bytes:
    safe_join(folder, file.relative_to(folder).as_posix())
    size = file.stat().st_size
    if size > most:
        raise ValueError(f"{size / 1e6:.0f} MB, more than {most / 1e6:.0f}")
    return file.read_bytes()


@contextmanager
def _reported(file: Path, expected: str, advice: str = "Export it again, in UTF-8.") -> Iterator[None]:
    """Turn errors in reading `file` into `BadEntry`."""
    try:
        yield
    except UnicodeDecodeError as error:
        got = f"bytes of another encoding than {error.encoding} (byte {error.start + 1})"
        raise BadEntry(Problem(file, expected, got, advice)) from error
    except OSError as error:  # the problem names the path: the words are enough
        advice = "See to it that the file is there and may be read."
        raise BadEntry(Problem(file, expected, error.strerror or str(error), advice)) from error
    except (ValueError, LookupError, RecursionError, ParseError) as error:
        raise BadEntry(Problem(file, expected, str(error), advice)) from error
