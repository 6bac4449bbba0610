"""The `imagefolder` source: a folder for each class, maybe below folders for the splits."""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.records import (
    BACKGROUND,
    ParsedSource,
    SourceRecord,
    class_name,
    split_of,
    stem,
    with_distinct_names,
)


def read_folder(folder: Path) -> ParsedSource:
    """A record for each image below `folder`/CLASS/ or `folder`/SPLIT/CLASS/, at any depth.

    The classes are the sorted names of the folders; `background` and `_background` mean: no label.
    """
    images, problems = images_below(folder)
    depth = 1 if has_splits(images) else 0
    loose = [name for name in images if name.count("/") < depth + 1]
    records = [_record(folder, name, depth) for name in images if name.count("/") >= depth + 1]
    records, repeated = with_distinct_names(records)
    names = tuple(sorted({label for record in records for label in record.labels}))
    problems += repeated + _loose(folder, loose)
    if not records:
        advice = "Make a folder for each class and put its images there."
        problems.append(Problem(folder, "images in folders named as their class", "none", advice))
    return ParsedSource(folder, tuple(records), names, names, tuple(problems))


def has_splits(images: Sequence[str]) -> bool:
    """Whether all images that lie in a folder lie in one that is named as a split."""
    tops = {PurePosixPath(name).parts[0] for name in images if "/" in name}
    return bool(tops) and all(split_of(top) for top in tops)


def _record(folder: Path, name: str, depth: int) -> SourceRecord:
    parts = PurePosixPath(name).parts
    label = class_name(parts[depth])
    labels = () if label in BACKGROUND else (label,)
    split = split_of(parts[0]) if depth else None
    return SourceRecord(stem(name), name, labels, Location(folder / name), split)


def _loose(folder: Path, names: Sequence[str]) -> list[Problem]:
    if not names:
        return []
    got, advice = f"{len(names)} beside them: {listed(names)}", "They are left out."
    return [Problem(folder, "images in the folders of their classes only", got, advice, fatal=False)]
