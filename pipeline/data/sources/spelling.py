"""Names that a list of images spells differently from the disk."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from pipeline.base.problems import Problem
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.records import SourceRecord

MISSING = "no such file"


def as_on_disk(folder: Path, records: Sequence[SourceRecord]) -> list[SourceRecord]:
    """The records with the names of images and masks as the files have them.

    A Mac writes an accent as a separate letter: only for a file system, this is another name.
    """
    named = [name for record in records for name in (record.image, record.mask) if isinstance(name, str)]
    if all(name.isascii() or (folder / name).exists() for name in named):
        return list(records)
    files = images_below(folder, [])
    spelling = {normalize("NFC", name): name for name in files} | {name: name for name in files}

    def on_disk(name: str) -> str:
        return spelling.get(name) or spelling.get(normalize("NFC", name), name)

    return [
        replace(r, image=on_disk(r.image), mask=on_disk(r.mask) if isinstance(r.mask, str) else r.mask)
        for r in records
    ]


def with_likely_names(folder: Path, problems: Sequence[Problem]) -> list[Problem]:
    """The problems; where another name may mean the missing file, that name is the advice."""
    if not any(problem.got == MISSING for problem in problems):
        return list(problems)
    files: dict[str, str] = {}  # by `_key` of their name, with suffix and without; of equal ones the first
    for name in images_below(folder, []):
        for key in (_key(name), _key(PurePosixPath(name).stem)) if (folder / name).exists() else ():
            files.setdefault(key, name)
    return [
        replace(problem, advice=f"There is {files[key]}: write it like this.")
        if problem.got == MISSING and (key := _key(problem.file.name)) in files
        else problem
        for problem in problems
    ]


def _key(name: str) -> str:
    return normalize("NFC", PurePosixPath(name.replace("\\", "/")).name).casefold()
