"""The `voc` source: a year folder of a VOCdevkit, or an export in its form."""

from collections import Counter, defaultdict
from collections.abc import Container, Mapping, Sequence, Set
from pathlib import Path

from pipeline.base.problems import Location, Problem
from pipeline.data.manifest import Split
from pipeline.data.names import may_be_class, means_background
from pipeline.data.problem_lists import BadEntry, collected, problem_at, warn_of
from pipeline.data.sources.documents import read_text_file
from pipeline.data.sources.labelimg import labels_of_objects, read_annotation
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.mask_colours import read_colours, read_labelmap
from pipeline.data.sources.records import (
    ParsedSource,
    SourceRecord,
    check_image,
    labels_of,
    stem,
)
from pipeline.data.sources.splits import split_of
from pipeline.params import DataParams

# In the order of the ids of SegmentationClass.
CLASSES = [
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car",
    "cat", "chair", "cow", "diningtable", "dog", "horse", "motorbike",
    "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
]  # fmt: skip
LISTS = ("Segmentation", "SegmentationAug", "Main")  # the first one that has lists is used, and the second
AUGMENTED = ("train_aug", "trainaug")  # lists of VOC's and SBD's training images
MASKS = ("SegmentationClass", "SegmentationClassAug")  # the first has the true borders


def read_folder(folder: Path, data: DataParams) -> ParsedSource:
    """Labels from Annotations/, splits from ImageSets/, masks from SegmentationClass/ or its Aug.

    Without `data.difficult`, objects that are marked as difficult are no labels.
    """
    if not (folder / "JPEGImages").is_dir() or not (folder / "Annotations").is_dir():
        advice = "Give the folder of the year, as VOCdevkit/VOC2012."
        raise BadEntry(Problem(folder, "a folder with JPEGImages/ and Annotations/", "none", advice))
    problems: list[Problem] = []
    files = images_below(folder / "JPEGImages", problems)
    images = {stem(name): f"JPEGImages/{name}" for name in files}
    records = []
    entries, list_problems = _read_lists(folder, images)
    problems += list_problems
    background, left_out = _without_annotation(folder, entries, images, problems)
    for name, (split, location) in entries.items():
        image = images.get(name, f"JPEGImages/{name}.jpg")
        with collected(problems):
            if name in background:
                records.append(SourceRecord(name, image, (), location, split, mask=_mask(folder, name)))
            elif name not in left_out:
                records.append(_read_record(folder, name, image, split, location, data.difficult))
    used = labels_of(records)
    names = _names(folder, used, data)
    colours = read_colours(folder, names, problems)
    classes = tuple(name for name in names if name in used)
    return ParsedSource(folder, tuple(records), names, classes, tuple(problems), folder / MASKS[0], colours)


def _read_lists(
    folder: Path, images: dict[str, str]
) -> tuple[dict[str, tuple[Split | None, Location]], list[Problem]]:
    """The split of each image that a list names; all images without a split where there are no lists."""
    entries: dict[str, tuple[Split | None, Location]] = {}
    problems: list[Problem] = []
    for file in _lists(folder):
        lines: list[str] = []
        with collected(problems):
            lines = read_text_file(folder, file, "a list of images in UTF-8").splitlines()
        for number, line in enumerate(lines, 1):
            location, name = Location(file, f"line {number}"), _listed_name(line, images)
            if not name:
                continue
            with collected(problems):
                check_image(folder, f"{name}.jpg", location, "JPEGImages/")
                if name in entries:
                    got, advice = f"{name!r} again", f"It is in {entries[name][1].file} too."
                    raise BadEntry(problem_at(location, "each image in one list", got, advice))
                entries[name] = split_of(file.stem), location
    if not entries and not problems:
        entries = {name: (None, Location(folder / "JPEGImages")) for name in images}
    return entries, problems


def _lists(folder: Path) -> list[Path]:
    """The lists of the first folder below ImageSets/ that has some; trainval only where it is alone."""
    sets = folder / "ImageSets"
    train = next((file for kind in LISTS for file in _existing(sets / kind, AUGMENTED)), None)
    for kind in LISTS:
        files = _existing(sets / kind, ("train", "val", "test"))
        if train and (files or train.parent == sets / kind):
            return [train, *_existing(sets / "Segmentation", ("val",))]
        if not files:
            files = _existing(sets / kind, ("trainval", "default"))[:1]
        if files:
            return files
    return []


def _existing(folder: Path, names: Sequence[str]) -> list[Path]:
    return [file for name in names if (file := folder / f"{name}.txt").is_file()]


def _listed_name(line: str, images: Container[str]) -> str:
    """The image of a line: `2007_000032`, or `/JPEGImages/2007_000032.jpg /SegmentationClassAug/...png`.

    A line may hold more behind a space, unless there is an image that is called like the whole line.
    """
    if line.strip() in images:
        return line.strip()
    word = line.split(maxsplit=1)[0] if line.strip() else ""
    below = word.partition("JPEGImages/")[2]
    return stem(below) if below else word


def _read_record(
    folder: Path, name: str, image: str, split: Split | None, location: Location, difficult: bool
) -> SourceRecord:
    file = folder / "Annotations" / f"{name}.xml"
    check_image(folder, f"{name}.xml", location, "Annotations/")
    if not file.exists():
        expected = "an annotation of each image, or a list of the images in ImageSets/Main"
        advice = "Write one without objects if the image shows background only, or list all images."
        raise BadEntry(Problem(file, expected, "no such file", advice))
    labels, more = labels_of_objects(file, read_annotation(folder, file), difficult)
    return SourceRecord(name, image, labels, Location(file), split, mask=_mask(folder, name), more=more)


def _mask(folder: Path, name: str) -> str | None:
    return next((f"{kind}/{name}.png" for kind in MASKS if (folder / kind / f"{name}.png").exists()), None)


def _without_annotation(
    folder: Path,
    entries: Mapping[str, tuple[Split | None, Location]],
    images: Container[str],
    problems: list[Problem],
) -> tuple[Set[str], Set[str]]:
    """The listed images without an XML file that count as background, and those that are left out.

    Tools write no file for an image without objects. A list without any file is one of unlabelled images.
    """
    missing: dict[Path, list[str]] = defaultdict(list)
    counts = Counter(location.file for _, location in entries.values())
    for name, (_, location) in entries.items():
        if name in images and location.at and not (folder / "Annotations" / f"{name}.xml").exists():
            missing[location.file].append(name)
    left_out = {name for file, names in missing.items() if len(names) == counts[file] for name in names}
    background = [name for names in missing.values() for name in names if name not in left_out]
    expected, kind = "an XML file of each listed image", "without one"
    problems += warn_of(background, kind, folder / "Annotations", expected, "They count as background.")
    advice = "They are left out: no image of their list has one."
    problems += warn_of(sorted(left_out), kind, folder / "Annotations", expected, advice)
    return set(background), left_out


def _names(folder: Path, labels: Sequence[str], data: DataParams) -> tuple[str, ...]:
    """The classes in the order of the ids: of labelmap.txt, else VOC's, else the sorted labels."""
    table = read_labelmap(folder, [])  # `read_colours` tells its problems
    if table:
        named = [name for name in table if not means_background(name)]
        return *named, *(label for label in labels if label not in named)
    named = [label for label in labels if label in data.rename or may_be_class(label)]
    return tuple(CLASSES if set(named) <= set(CLASSES) else named)
