"""The names in the cells of a table of labels: what stands between them, lists of programs."""

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pipeline.base.problems import Problem
from pipeline.data.names import means_background
from pipeline.data.problem_lists import warn_of
from pipeline.data.sources.records import class_name

OWN = ";"  # what stands between names in a table as docs/data.md shows it
OTHERS = "|,/+& "  # signs that other programs write
SIGNS = re.compile(r"[^\w]+|_")
NO_SIGN = "none"  # a cell is one name
BRACKETS = {"[": "]", "{": "}", "(": ")"}
# A name of a list and what follows it. No quantifier gives back what it took: long cells take no long time.
NAME = r"""(?:"((?:[^"\\]|\\.)*+)"|'((?:[^'\\]|\\.)*+)'|([^\s,"'\[\]{}()][^,"'\[\]{}()]*+))"""
ITEM = re.compile(NAME + r"(?:\s*+,\s*+|\s++|$)", re.DOTALL)
LIST = re.compile(rf"\s*+(?:{ITEM.pattern})*+", re.DOTALL)
ODD = re.compile(r"""^["'(]|["']$|[\[\]{}]""")  # what a name has of a list that was not read


def choose_separator(cells: Iterable[str], wanted: str) -> str:
    """The text between the names of a cell: `wanted`, unless that is `auto`; empty: a cell is one name.

    `;` where a cell has it. Another sign where the parts are names of their own: each stands alone in another
    cell, or few parts make many cells. A vertical bar is part of no name.
    """
    if wanted != "auto":
        return "" if wanted == NO_SIGN else wanted
    distinct = {cell for cell in cells if cell and not means_background(cell) and not _is_list(cell)}
    if any(OWN in cell for cell in distinct):
        return OWN
    for sign in OTHERS:
        several = {cell for cell in distinct if len(_parts(cell, sign)) > 1}
        parts = {part for cell in several for part in _parts(cell, sign)}
        if several and (sign == "|" or parts <= distinct or 2 * len(parts) <= len(several)):
            return sign
    return OWN


def names_in(cell: str, separator: str) -> list[str]:
    """The names of a cell: of a list as programs write it, else the parts between separators."""
    if _is_list(cell):
        names = _listed_names(cell)
        if names is not None:
            return [class_name(name) for name in names if name.strip()]
    return [class_name(part) for part in (_parts(cell, separator) if separator else [cell]) if part.strip()]


def said_of_separator(file: Path, separator: str, wanted: str, names: Sequence[str]) -> list[Problem]:
    """Warnings on a sign that was found out, and on names that are made of other names."""
    problems: list[Problem] = []
    if wanted == "auto" and separator not in ("", OWN):
        got = f"{separator!r} between names"
        advice = "They are read as several labels. If each cell is one label: `--separator none`."
        problems.append(Problem(file, "`;` between the labels of a cell", got, advice, fatal=False))
    known = set(names)
    made = [name for name in names if _is_made_of(name, known)]
    odd = [name for name in names if ODD.search(name)]
    advice = "They are read as they are. If they are lists, write the names with `;` between them."
    problems += warn_of(odd, "others", file, "names without brackets and quotes around them", advice)
    expected = "names that are not made of other names"
    advice = "If they are several labels, say what stands between: `--separator TEXT`."
    return problems + (warn_of(made, "others", file, expected, advice) if wanted == "auto" else [])


def _is_made_of(name: str, known: set[str]) -> bool:
    """Whether the parts of a name, between signs of one kind, are all names: `cat-dog`."""
    signs = set(SIGNS.findall(name))
    parts = SIGNS.split(name)
    return len(signs) == 1 and len(parts) > 1 and all(part in known for part in parts)


def _parts(cell: str, separator: str) -> list[str]:
    return cell.split() if separator == " " else [p.strip() for p in cell.split(separator) if p.strip()]


def _is_list(cell: str) -> bool:
    """Whether a cell has brackets around it; round ones are those of a list only with quotes in them."""
    bracketed = bool(cell) and cell[-1] == BRACKETS.get(cell[0])
    return bracketed and (cell[0] != "(" or cell[1:2] in ("'", '"', ")"))


def _listed_names(cell: str) -> list[str] | None:
    """The names in a list of JSON, Python, numpy or Postgres, or in `{"choices": ["cat"]}`; None: no list.

    `["cat", "dog"]`, `['cat', "dog's"]`, `('cat',)`, `['cat' 'dog']`, `{cat,"big dog"}`, `[cat, dog]`.
    """
    for text in (cell, cell.replace("'", '"')):
        try:
            return list(_names(json.loads(text)))
        except (ValueError, RecursionError):
            continue
    inside = cell[1:-1]
    if not LIST.fullmatch(inside):
        return None
    return [re.sub(r"\\(.)", r"\1", "".join(m.groups(""))) for m in ITEM.finditer(inside)]


def _names(value: object) -> Iterable[str]:
    """The names in a value of JSON. Raises `ValueError` where it holds anything else."""
    match value:
        case str():
            yield value
        case list():
            for entry in value:
                yield from _names(entry)
        case dict():
            lists = [entry for key, entry in value.items() if key.endswith(("choices", "labels"))]
            if value and not lists:
                raise ValueError("no names")
            yield from _names(lists)
        case int() if not isinstance(value, bool):
            yield str(value)
        case _ if value is not None:
            raise ValueError("no name")
