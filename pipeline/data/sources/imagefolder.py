"""The `imagefolder` source: a folder for each class, maybe below folders for the splits."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pipeline.base.problems import Location, Problem
from pipeline.data.problem_lists import warn_of
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.records import (
    ParsedSource,
    SourceRecord,
    class_name,
    parsed_source,
    split_of,
    stem,
)


def read_folder(folder: Path) -> ParsedSource:
    """A record for each image below `folder`/CLASS/ or `folder`/SPLIT/CLASS/, at any depth.

    The classes are the sorted names of the folders.
    """
    problems: list[Problem] = []
    images = images_below(folder, problems)
    depth = 1 if has_splits(images) else 0
    loose = [name for name in images if name.count("/") < depth + 1]
    records = [_record(folder, name, depth) for name in images if name.count("/") >= depth + 1]
    expected = "images in the folders of their classes only"
    problems += warn_of(loose, "beside them", folder, expected, "They are left out.")
    if not records:
        advice = "Make a folder for each class and put its images there."
        problems.append(Problem(folder, "images in folders named as their class", "none", advice))
    return parsed_source(folder, records, problems)


def has_splits(images: Sequence[str]) -> bool:
    """Whether all images that lie in a folder lie in one that is named as a split."""
    tops = {PurePosixPath(name).parts[0] for name in images if "/" in name}
    return bool(tops) and all(split_of(top) for top in tops)


def _record(folder: Path, name: str, depth: int) -> SourceRecord:
    parts = PurePosixPath(name).parts
    split = split_of(parts[0]) if depth else None
    return SourceRecord(stem(name), name, (class_name(parts[depth]),), Location(folder / name), split)
