"""The `masks` source: images and their masks and nothing else; labels are the classes in the masks."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.mask_labels import UnnamedColours, labels_in_masks
from pipeline.data.names import after_background, may_be_class
from pipeline.data.problem_lists import BadEntry, collected, warn_of
from pipeline.data.sources.documents import CLASS_LIST, listed_classes
from pipeline.data.sources.folder_names import is_image_folder, is_kind_of_file
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.mask_colours import other_table, read_colours, read_labelmap
from pipeline.data.sources.mask_pairs import ARRAYS, MaskPairs, pair_masks
from pipeline.data.sources.records import ParsedSource, SourceRecord, stem
from pipeline.data.sources.splits import split_of, split_of_path
from pipeline.params import DataParams

ONE_CLASS = "object"  # where masks say where something is, and nothing says what


def read_folder(folder: Path, data: DataParams) -> ParsedSource:
    """A record for each image with a mask that can be read; labels are the classes in the mask.

    The names of the classes are the lines of classes.txt, else the names of a table of colours, else
    `data.classes`. Without all of them, the values of the masks name the classes; where these are many
    colours, a table of another program does.
    """
    problems: list[Problem] = []
    pairs = pair_masks(images_below(folder, problems, more=ARRAYS))
    names = _names(folder, data, problems)
    colours = read_colours(folder, names, problems)
    images = sorted(pairs.masks)
    if not images:
        advice = "Put images in images/ and their masks, with the same stems, in masks/."
        raise BadEntry(Problem(folder, "images with masks", "none", advice))
    masks = [pairs.masks[image] for image in images]
    try:
        found = labels_in_masks(folder, masks, names, colours, data)
    except UnnamedColours:
        other = tuple(name for name in other_table(folder) if may_be_class(name))
        if colours or not other or (folder / CLASS_LIST).exists():
            raise
        names, colours = other, read_colours(folder, other, [])
        found = labels_in_masks(folder, masks, names, colours, data)
    if not names:
        names = (ONE_CLASS,) if len(found.values) == 1 else found.values
        problems.append(_said_of_names(folder, names))
    named = _names_of_samples(images)
    records, bad = [], []
    for image, ids in zip(images, found.ids, strict=True):
        mask = pairs.masks[image]
        if isinstance(ids, str):
            bad.append(f"{mask} ({ids})")
            continue
        labels = tuple(names[i - 1] for i in ids if i <= len(names) and may_be_class(names[i - 1]))
        split = split_of_path(image)
        records.append(SourceRecord(named[image], image, labels, Location(folder / mask), split, mask=mask))
    advice = "Their images are left out: nothing says what they show."
    problems += warn_of(bad, "others", folder, "masks that can be read", advice)
    problems += _left_over(folder, pairs)
    tables = [] if colours else sorted(file.name for file in folder.glob("*.csv"))
    advice = (
        "They are not read: call the column of the images `image` and that of the labels `labels` to use one."
    )
    problems += warn_of(tables, "others", folder, "tables with images and labels", advice)
    shown = {label for record in records for label in record.labels}
    classes = tuple(name for name in names if name in shown)
    return ParsedSource(folder, tuple(records), names, classes, tuple(problems), folder, colours)


def _said_of_names(folder: Path, names: Sequence[str]) -> Problem:
    """The warning on names that nobody gave."""
    if len(names) == 1:
        advice = f"What the masks show is one class, {ONE_CLASS!r}; --rename {ONE_CLASS}=NAME names it."
    else:
        advice = "Their values are their names. Write the names to this file, one per line, from id 1 on."
    return Problem(folder / CLASS_LIST, "the names of the classes", "no such file", advice, fatal=False)


def _names_of_samples(images: Sequence[str]) -> dict[str, str]:
    """The names of the samples: the path without suffix, with it where two are the same."""
    counts = Counter(map(stem, images))
    return {image: image if counts[stem(image)] > 1 else stem(image) for image in images}


def _names(folder: Path, data: DataParams, problems: list[Problem]) -> tuple[str, ...]:
    if (folder / CLASS_LIST).exists():
        with collected(problems):
            return tuple(after_background(listed_classes(folder)))
    table = [name for name in read_labelmap(folder, []) if may_be_class(name)]
    return tuple(table or (data.classes or () if not data.rename else ()))


def _left_over(folder: Path, pairs: MaskPairs) -> list[Problem]:
    """Warnings on images without a mask, on masks without an image, and on folders that may be classes."""
    folders = {part for image in pairs.masks for part in PurePosixPath(image).parts[:-1]}
    parents = {PurePosixPath(image).parent.name for image in pairs.masks} - {""}
    classes = sorted(n for n in parents if not is_kind_of_file(n) and not split_of(n))
    beside = len(classes) > 1 and not any(map(is_image_folder, folders))
    advice = "They are left out: nothing says what they show."
    other = "They are left out; name masks like their image."
    problems = [
        *warn_of(pairs.without, "without one", folder, "a mask for each image", advice),
        *warn_of(pairs.unclear, "others", folder, "one mask for each image", other),
    ]
    if beside:
        got, advice = f"folders {listed(classes)}", "If they are the classes, give --source imagefolder."
        problems.append(Problem(folder, "classes in the masks alone", got, advice, fatal=False))
    return problems
