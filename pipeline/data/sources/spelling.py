"""Names that a listing spells otherwise than the disk does."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from pipeline.base.problems import Problem
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.records import SourceRecord

MISSING = "no such file"


def as_on_disk(folder: Path, records: Sequence[SourceRecord]) -> list[SourceRecord]:
    """The records with the names of images and masks as the files have them.

    A Mac writes an accent as a letter of its own: to everybody but a file system it is the same name.
    """
    named = [name for record in records for name in (record.image, record.mask) if isinstance(name, str)]
    if all(name.isascii() or (folder / name).exists() for name in named):
        return list(records)
    files = {normalize("NFC", name): name for name in images_below(folder)[0]}
    known = set(files.values())

    def found(name: str) -> str:
        return name if name in known else files.get(normalize("NFC", name), name)

    return [
        replace(
            record,
            image=found(record.image),
            mask=found(record.mask) if isinstance(record.mask, str) else record.mask,
        )
        for record in records
    ]


def with_likely_names(folder: Path, problems: Sequence[Problem]) -> list[Problem]:
    """The problems, where a missing file may be meant by another name with that name as the advice."""
    if not any(problem.got == MISSING for problem in problems):
        return list(problems)
    files = _by_key(images_below(folder)[0])
    return [_with_likely_name(problem, files) if problem.got == MISSING else problem for problem in problems]


def _with_likely_name(problem: Problem, files: Mapping[str, str]) -> Problem:
    likely = files.get(_key(problem.file.name))
    return replace(problem, advice=f"There is {likely}: write it like this.") if likely else problem


def _by_key(names: Iterable[str]) -> dict[str, str]:
    """Files by their name in small letters, with suffix and without; of equal ones the first."""
    found: dict[str, str] = {}
    for name in names:
        for key in (_key(name), _key(PurePosixPath(name).stem)):
            found.setdefault(key, name)
    return found


def _key(name: str) -> str:
    return normalize("NFC", PurePosixPath(name.replace("\\", "/")).name).casefold()
