"""The `voc` source: a year folder of a VOCdevkit, or an export in its form."""

from collections.abc import Container, Sequence
from pathlib import Path

from pipeline.base.problems import Location, Problem
from pipeline.data.manifest import Split
from pipeline.data.sources.colour_tables import read_colours, read_labelmap
from pipeline.data.sources.documents import read_text_file, read_xml_file, text_of
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.records import (
    BACKGROUND,
    ParsedSource,
    SourceRecord,
    check_image,
    class_name,
    split_of,
    stem,
)
from pipeline.params import DataParams

# In the order of the ids of SegmentationClass.
CLASSES = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
]
LISTS = ("Segmentation", "SegmentationAug", "Main")  # the first one that has lists is used, and the second
AUGMENTED = ("train_aug", "trainaug")  # lists of VOC's and SBD's training images
MASKS = ("SegmentationClass", "SegmentationClassAug")  # the first has the true borders


def read_folder(folder: Path, data: DataParams) -> ParsedSource:
    """Labels from Annotations/, splits from ImageSets/, masks from SegmentationClass/ or its Aug.

    Without `data.difficult`, objects that are marked as difficult are no labels.
    """
    if not (folder / "JPEGImages").is_dir() or not (folder / "Annotations").is_dir():
        advice = "Give the folder of the year, as VOCdevkit/VOC2012."
        problem = Problem(folder, "a folder with JPEGImages/ and Annotations/", "none", advice)
        return ParsedSource(folder, problems=(problem,))
    files, problems = images_below(folder / "JPEGImages")
    images = {stem(name): f"JPEGImages/{name}" for name in files}
    wanted, found = _read_lists(folder, images)
    problems += found
    records = []
    for name, (split, location) in wanted.items():
        image = images.get(name, f"JPEGImages/{name}.jpg")
        record, found = _read_record(folder, name, image, split, location, data)
        records += [record] if record else []
        problems += found
    names, found = _names(folder, records)
    colours, wrong = read_colours(folder, names)
    used = {label for record in records for label in record.labels}
    classes = tuple(name for name in names if name in used)
    problems += found + wrong
    return ParsedSource(folder, tuple(records), names, classes, tuple(problems), folder / MASKS[0], colours)


def _read_lists(
    folder: Path, images: dict[str, str]
) -> tuple[dict[str, tuple[Split | None, Location]], list[Problem]]:
    """The split of each image that a list names; all images without a split where there are no lists."""
    wanted: dict[str, tuple[Split | None, Location]] = {}
    problems = []
    for file in _lists(folder):
        try:
            lines = read_text_file(folder, file).splitlines()
        except (OSError, ValueError) as error:
            problems.append(Problem(file, "a list of images in UTF-8", str(error), "Save it as UTF-8 text."))
            continue
        for number, line in enumerate(lines, 1):
            location = Location(file, f"line {number}")
            name = _listed_name(line, images)
            problem = check_image(folder, f"{name}.jpg", location, "JPEGImages/") if name else None
            if problem:
                problems.append(problem)
            elif name and name in wanted:
                got, advice = f"{name!r} again", f"It is in {wanted[name][1].file} too."
                problems.append(Problem(file, "each image in one list", got, advice, location))
            elif name:
                wanted[name] = split_of(file.stem), location
    if not wanted and not problems:
        return {name: (None, Location(folder / "JPEGImages")) for name in images}, []
    return wanted, problems


def _lists(folder: Path) -> list[Path]:
    """The lists of the first folder below ImageSets/ that has some; trainval only where it is alone."""
    sets = folder / "ImageSets"
    augmented = [sets / kind / f"{name}.txt" for kind in LISTS for name in AUGMENTED]
    train = next((file for file in augmented if file.is_file()), None)
    for kind in LISTS:
        named = [sets / kind / f"{name}.txt" for name in ("train", "val", "test")]
        found = [file for file in named if file.is_file()]
        if train and (found or train.parent == sets / kind):
            val = sets / "Segmentation" / "val.txt"
            return [train, *([val] if val.is_file() else [])]
        if found:
            return found
        whole = [sets / kind / f"{name}.txt" for name in ("trainval", "default")]
        if any(file.is_file() for file in whole):
            return [file for file in whole if file.is_file()][:1]
    return []


def _listed_name(line: str, images: Container[str]) -> str:
    """The image of a line: `2007_000032`, or `/JPEGImages/2007_000032.jpg /SegmentationClassAug/...png`.

    A line may hold more behind a space; if there is an image called like all of it, it is that.
    """
    if line.strip() in images:
        return line.strip()
    word = line.split(maxsplit=1)[0] if line.strip() else ""
    if "JPEGImages/" in word:
        return stem(word.partition("JPEGImages/")[2]) if word.partition("JPEGImages/")[2] else word
    return word


def _read_record(
    folder: Path, name: str, image: str, split: Split | None, location: Location, data: DataParams
) -> tuple[SourceRecord | None, list[Problem]]:
    file = folder / "Annotations" / f"{name}.xml"
    problem = check_image(folder, f"{name}.xml", location, "Annotations/")
    if problem:
        return None, [problem]
    root, problems = read_xml_file(folder, file)
    if root is None:
        return None, problems
    objects = root.findall("object")
    kept = [o for o in objects if data.difficult or text_of(o, "difficult") != "1"]
    labels = tuple(dict.fromkeys(class_name(text_of(o, "name")) for o in kept))
    if "" in labels:
        problem = Problem(file, "a name in each object", "none", "Name it, or delete the object.")
        return None, [problem]
    mask = next((f"{kind}/{name}.png" for kind in MASKS if (folder / kind / f"{name}.png").exists()), None)
    return SourceRecord(
        name, image, labels, Location(file), split, mask=mask, more=len(kept) < len(objects)
    ), []


def _names(folder: Path, records: Sequence[SourceRecord]) -> tuple[tuple[str, ...], list[Problem]]:
    """The classes in the order of the ids: of labelmap.txt, else VOC's, else the sorted labels."""
    table, problems = read_labelmap(folder)
    labels = {label for record in records for label in record.labels}
    if table:
        named = [name for name in table if name not in BACKGROUND]
        return (*named, *sorted(labels - set(named))), []
    if labels <= set(CLASSES):
        return tuple(CLASSES), problems
    return tuple(sorted(labels)), problems
