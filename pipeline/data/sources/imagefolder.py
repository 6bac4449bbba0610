"""The `imagefolder` source: a folder for each class, maybe below folders for the splits."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.manifest import Split
from pipeline.data.problem_lists import warn_of
from pipeline.data.sources.coco import json_files
from pipeline.data.sources.folder_names import is_kind_of_file, plain
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.mask_pairs import ARRAYS, is_with_masks, pair_masks
from pipeline.data.sources.records import (
    ParsedSource,
    SourceRecord,
    class_name,
    parsed_source,
    stem,
)
from pipeline.data.sources.splits import split_of, without_split


@dataclass(frozen=True)
class _Layout:
    """Where the folders of the classes lie."""

    wrapper: int  # folders above all others, which hold one folder each
    splits: bool  # folders of splits lie above those of the classes
    joined: bool  # each folder is named as its split and its class: `train_cats`
    inner: bool  # folders of splits lie in those of the classes: `cats/train`


def read_folder(folder: Path) -> ParsedSource:
    """A record for each image below CLASS/, SPLIT/CLASS/ or CLASS/SPLIT/ of `folder`, at any depth.

    The classes are the sorted names of the folders. Masks may lie beside the images.
    """
    problems: list[Problem] = []
    files = images_below(folder, problems, more=ARRAYS)
    pairs = pair_masks(files)
    masks = pairs.masks if is_with_masks(files) else {}
    no_images = {*masks.values(), *(pairs.unclear if masks else ())}
    images = [name for name in files if name not in no_images and not name.lower().endswith(ARRAYS)]
    layout = _layout(images)
    places = {name: _place(name, layout) for name in images}
    records = [_record(folder, name, masks.get(name), *place) for name, place in places.items() if place]
    loose = [name for name, place in places.items() if not place]
    expected = "images in the folders of their classes only"
    problems += warn_of(loose, "beside them", folder, expected, "They are left out.")
    written = [file.relative_to(folder).as_posix() for file in json_files(folder)]
    advice = "They are not read. If one holds the labels, name its format by --source."
    problems += warn_of(written, "others", folder, "labels in the names of folders alone", advice)
    if not records:
        advice = "Make a folder for each class and put its images there."
        problems.append(Problem(folder, "images in folders named as their class", "none", advice))
    parsed = parsed_source(folder, records, problems)
    return replace(parsed, problems=(*parsed.problems, *_surprising_names(folder, parsed, layout, images)))


def class_folders(images: Sequence[str]) -> set[str]:
    """The names of the folders that would be the classes of `images`."""
    layout = _layout(images)
    return {place[0] for name in images if (place := _place(name, layout))}


def _layout(images: Sequence[str]) -> _Layout:
    """How the folders are read: those named as splits are splits if folders of classes lie in them."""
    folders = [PurePosixPath(name).parts[:-1] for name in images if "/" in name]
    wrapper = 0
    while _is_wrapped(folders):
        folders, wrapper = [parts[1:] for parts in folders if len(parts) > 1], wrapper + 1
    below: dict[str, set[str]] = {}
    for parts in folders:
        below.setdefault(parts[0], set()).update(parts[1:2])
    named = {top: split for top in below if (split := split_of(top))}
    nested = [top for top in named if below[top]]
    only = bool(named) and set(named) == set(below)
    several = len({named[top] for top in nested}) > 1 or any(len(below[top]) > 1 for top in nested)
    rests = {without_split(top) for top in named}
    joined = (
        only and not nested and len(rests) > 1 and not any(not plain(r) or is_kind_of_file(r) for r in rests)
    )
    inner = all(len(parts) > 1 and split_of(parts[1]) for parts in folders)
    return _Layout(wrapper, only or several, joined, inner)


def _is_wrapped(folders: Sequence[tuple[str, ...]]) -> bool:
    """Whether one folder holds several others, and no image: it is the name of the data, and of no class."""
    tops = {parts[0] for parts in folders}
    inner = {parts[1:2] for parts in folders}
    return len(tops) == 1 and () not in inner and len(inner) > 1 and split_of(next(iter(tops))) is None


def _place(name: str, layout: _Layout) -> tuple[str, Split | None] | None:
    """The class and the split that the folders of an image mean; None if they mean no class."""
    parts = PurePosixPath(name).parts[layout.wrapper : -1]
    if not layout.splits:
        return (parts[0], split_of(parts[1]) if layout.inner else None) if parts else None
    split = split_of(parts[0]) if parts else None
    if split is None:
        return None
    if layout.joined:
        return without_split(parts[0]), split
    rest = parts[1:]
    while rest and split_of(rest[0]) == split:  # seg_train/seg_train/forest
        rest = rest[1:]
    return (rest[0], split) if rest else None


def _record(
    folder: Path, name: str, mask: str | None, class_folder: str, split: Split | None
) -> SourceRecord:
    return SourceRecord(
        stem(name), name, (class_name(class_folder),), Location(folder / name), split, mask=mask
    )


def _surprising_names(
    folder: Path, parsed: ParsedSource, layout: _Layout, images: Sequence[str]
) -> list[Problem]:
    """Warnings on classes whose names are those of splits, of kinds of files, or of the only folder."""
    expected = "folders that are named as their classes"
    advice = "Are they classes? If not, docs/data.md shows the folders that camseg reads."
    names = parsed.classes
    split = "Are they classes? If not, write train/CLASS/, val/CLASS/ and test/CLASS/."
    problems = warn_of([n for n in names if split_of(n)], "named as a split", folder, expected, split)
    if layout.joined:
        tops = sorted({PurePosixPath(name).parts[layout.wrapper] for name in images if "/" in name})
        read = "They are read so. If they are not, write folders of classes without these words."
        problems += warn_of(tops, "named as a split and a class", folder, "folders SPLIT/CLASS/", read)
    kinds = [name for name in names if is_kind_of_file(name)]
    problems += warn_of(kinds, "named as a kind of files", folder, expected, advice)
    if len(names) == 1 and all(record.labels for record in parsed.records):
        got = f"the one class {names[0]!r} for all images, which is the name of a folder"
        problems.append(Problem(folder, "several classes, or images without one", got, advice, fatal=False))
    if layout.wrapper and images:
        above = PurePosixPath(images[-1]).parts[: layout.wrapper]
        got = f"them in {listed(above)}"
        advice = "The folders in it are read."
        problems.append(Problem(folder, "the folders of the classes", got, advice, fatal=False))
    return problems
