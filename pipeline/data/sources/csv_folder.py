"""The `csv` source: images and a table of labels, and optionally masks/, classes.txt and labelmap.txt."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from unicodedata import normalize

from pipeline.base.problems import Problem
from pipeline.data.names import after_background, may_be_class
from pipeline.data.problem_lists import collected, warn_of
from pipeline.data.sources.csv_images import IMAGES
from pipeline.data.sources.csv_records import OWN_TABLE, read_tables, tables_of
from pipeline.data.sources.documents import CLASS_LIST, listed_classes
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.mask_colours import read_colours
from pipeline.data.sources.mask_pairs import ARRAYS, MaskPairs, pair_masks
from pipeline.data.sources.records import ParsedSource, SourceRecord, labels_of, stem
from pipeline.data.sources.splits import split_of_path
from pipeline.params import DataParams


def read_folder(folder: Path, data: DataParams) -> ParsedSource:
    """The records of the table, the classes in the order of the masks' ids, and all problems of the files.

    The ids count the lines of classes.txt, without it `data.classes`, without both the sorted labels. A
    background in the first line of classes.txt has the id 0.
    """
    pairs = pair_masks(images_below(folder, [], more=ARRAYS))
    files = tables_of(folder)
    records, problems = read_tables(folder, files, [*pairs.masks, *pairs.without], data.separator)
    records = _with_splits([replace(record, mask=_mask(folder, record, pairs)) for record in records])
    listing, masks = folder / CLASS_LIST, folder / "masks"
    names = data.classes if data.classes is not None and not data.rename else _class_names(records, data)
    if listing.exists():
        with collected(problems):
            names = tuple(after_background(listed_classes(folder)))
    elif data.rename and (masks.is_dir() or pairs.masks):
        # With new names, neither the classes nor the labels say what the ids of the masks mean.
        expected = "it beside masks/ where data.rename is used"
        advice = "Write the names in the data to it, one per line, in the order of the ids of the masks."
        problems.append(Problem(listing, expected, "no such file", advice))
    colours = read_colours(folder, names, problems)
    problems += _unmatched(folder, records, pairs)
    file = files[0] if len(files) == 1 else folder / OWN_TABLE
    return ParsedSource(file, tuple(records), names, names, tuple(problems), masks, colours)


def _class_names(records: Sequence[SourceRecord], data: DataParams) -> tuple[str, ...]:
    """The sorted labels that may be classes, since ids of masks count those."""
    return tuple(label for label in labels_of(records) if label in data.rename or may_be_class(label))


def _mask(folder: Path, record: SourceRecord, pairs: MaskPairs) -> str | None:
    """The mask of the image; in masks/ if images/ has the image, also where it is missing."""
    if record.image.startswith(IMAGES) and record.image not in pairs.masks:
        return f"masks/{stem(record.image.removeprefix(IMAGES))}.png"
    return pairs.masks.get(record.image)


def _with_splits(records: Sequence[SourceRecord]) -> list[SourceRecord]:
    """The records; where the table has no splits, with those of their folders."""
    if any(record.split for record in records):
        return list(records)
    return [replace(record, split=split_of_path(record.image)) for record in records]


def _unmatched(folder: Path, records: Sequence[SourceRecord], pairs: MaskPairs) -> list[Problem]:
    """Warnings on images that the table does not name, and on masks that belong to no image."""
    named = {normalize("NFC", str(file)) for record in records for file in (record.image, record.mask)}
    images = [n for n in (*pairs.masks, *pairs.without) if normalize("NFC", n) not in named]
    masks = [n for n in (*pairs.masks.values(), *pairs.unclear) if normalize("NFC", n) not in named]
    expected = "only images that labels.csv names", "only masks of images in labels.csv"
    add = "They are left out; add lines to labels.csv to use them."
    rename = "They are left out; name masks like their image, with the suffix .png."
    bases = [folder / part if (folder / part).is_dir() else folder for part in ("images", "masks")]
    return [
        *warn_of([n.removeprefix(IMAGES) for n in images], "unnamed", bases[0], expected[0], add),
        *warn_of([n.removeprefix("masks/") for n in masks], "others", bases[1], expected[1], rename),
    ]
