"""The `coco` source: instances JSON with boxes, polygons or run lengths, and the folders of its images."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.images import IGNORE
from pipeline.data.manifest import Split
from pipeline.data.problem_lists import BadEntry, collected, problem_at
from pipeline.data.sources.documents import read_json_file
from pipeline.data.sources.records import (
    ParsedSource,
    Shape,
    SourceRecord,
    check_image,
    class_name,
    parsed_source,
    stem,
)
from pipeline.data.sources.splits import split_of

CocoEntry = tuple[Location, dict[str, Any]]
PARTS = ("images", "annotations", "categories")
OTHER_FILES = ("captions_", "person_keypoints_", "image_info_", "panoptic_", "stuff_", ".")


@dataclass(frozen=True)
class Document:
    """One JSON file, without the entries that are no objects or have no usable id."""

    file: Path
    images: Sequence[CocoEntry]
    annotations: Mapping[Any, Sequence[CocoEntry]]  # by image id
    categories: Mapping[Any, str]  # name by id, in the order of the ids
    outlined: bool  # some annotation has a segmentation


def read_folder(folder: Path) -> ParsedSource:
    """The records of all instances files in the folder."""
    return read_files(folder, json_files(folder))


def read_files(folder: Path, files: Sequence[Path]) -> ParsedSource:
    """The records of instances files in the folder; labels are the categories of an image's annotations.

    Masks come from the segmentations, where each annotation of an image has one; crowds are 255. The split is
    that of the file's name or folder (instances_val2017.json, valid/_annotations.coco.json).
    """
    problems: list[Problem] = []
    documents: list[Document] = []
    for file in files:
        with collected(problems):
            documents.append(_read_document(folder, file, problems))
    used = {a["category_id"] for d in documents for entries in d.annotations.values() for _, a in entries}
    names = tuple(dict.fromkeys(n for d in documents for i, n in d.categories.items() if i in used))
    if len(names) >= IGNORE and any(d.outlined for d in documents):
        got, advice = str(len(names)), "Masks are left out: 8 bits hold no more. Labels are read."
        problems.append(Problem(folder, f"masks of up to {IGNORE - 1} categories", got, advice, fatal=False))
    records: list[SourceRecord] = []
    for document in documents:
        for location, entry in document.images:
            with collected(problems):
                records.append(_read_record(folder, document, entry, location, names, problems))
    if not files:
        advice = "Put the instances JSON there, or in annotations/."
        problems.append(Problem(folder, "an instances JSON", "none", advice))
    return parsed_source(files[0] if len(files) == 1 else folder, records, problems, names)


def json_files(folder: Path) -> list[Path]:
    """JSON files in the folder or one level down; captions, keypoints and the like are left out."""
    files = sorted({*folder.glob("*.json"), *folder.glob("*/*.json")})
    return [file for file in files if not file.name.startswith(OTHER_FILES)]


def _read_document(folder: Path, file: Path, problems: list[Problem]) -> Document:
    value = read_json_file(folder, file)
    if not isinstance(value, dict) or not all(isinstance(value.get(part), list) for part in PARTS):
        expected = "an object with lists `images`, `annotations` and `categories`"
        advice = "Export instances in the format of COCO, or name the --source of another kind of folder."
        raise BadEntry(Problem(file, expected, "something else", advice))
    images = _entries(file, value, "images", ("id", "file_name"), problems)
    categories = _entries(file, value, "categories", ("id", "name"), problems)
    annotations = _entries(file, value, "annotations", ("image_id", "category_id"), problems)
    by_image: dict[Any, list[CocoEntry]] = defaultdict(list)
    for location, entry in annotations:
        by_image[entry["image_id"]].append((location, entry))
    unknown = sorted(map(str, set(by_image) - {entry["id"] for _, entry in images}))
    if unknown:
        got, advice = f"{len(unknown)} others: {listed(unknown)[:400]}", "Export the file again."
        problems.append(Problem(file, "annotations of its images", got, advice))
    names = {entry["id"]: class_name(entry["name"]) for _, entry in categories}
    ordered = dict(sorted(names.items(), key=lambda pair: (str(type(pair[0])), pair[0])))
    outlined = any(entry.get("segmentation") for _, entry in annotations)
    return Document(file, images, by_image, ordered, outlined)


def _entries(
    file: Path, value: Mapping[str, Any], part: str, keys: tuple[str, str], problems: list[Problem]
) -> list[CocoEntry]:
    """Entries that have both keys: ids are numbers or text, names are text that says something."""
    entries: list[CocoEntry] = []
    for position, entry in enumerate(value[part]):
        location = Location(file, f"{part}[{position}]")
        if isinstance(entry, dict) and all(_is_good(key, entry.get(key)) for key in keys):
            entries.append((location, entry))
        else:
            expected = f"an object with {keys[0]} and {keys[1]}"
            problems.append(problem_at(location, expected, "something else", "Export the file again."))
    return entries


def _is_good(key: str, value: Any) -> bool:
    if key in ("name", "file_name"):
        return isinstance(value, str) and bool(value.strip())
    return type(value) in (int, str)


def _read_record(
    folder: Path,
    document: Document,
    entry: Mapping[str, Any],
    location: Location,
    names: Sequence[str],
    problems: list[Problem],
) -> SourceRecord:
    annotations = document.annotations.get(entry["id"], ())
    unknown = [(at, a["category_id"]) for at, a in annotations if a["category_id"] not in document.categories]
    for at, number in unknown:
        expected = "a category_id of the categories"
        problems.append(problem_at(at, expected, str(number)[:40], "Export the file again."))
    check_image(folder, entry["file_name"], location)
    if unknown:
        raise BadEntry
    image = _find(folder, document.file, entry["file_name"])
    labels = tuple(dict.fromkeys(document.categories[a["category_id"]] for _, a in annotations))
    mask = _shapes(document, annotations, names)
    split = _split(folder, document.file)
    return SourceRecord(stem(image), image, labels, location, split, mask=mask, size=_size(entry))


def _shapes(
    document: Document, annotations: Sequence[CocoEntry], names: Sequence[str]
) -> tuple[Shape, ...] | None:
    """The outlines of an image; None where one is missing, or where there are more classes than ids."""
    whole = document.outlined and all(a.get("segmentation") for _, a in annotations)
    if not whole or len(names) >= IGNORE:
        return None
    numbers = {name: i for i, name in enumerate(names, 1)}
    classes = [numbers[document.categories[a["category_id"]]] for _, a in annotations]
    ids = [IGNORE if a.get("iscrowd") else i for i, (_, a) in zip(classes, annotations, strict=True)]
    return tuple(Shape(i, a["segmentation"], at.at) for i, (at, a) in zip(ids, annotations, strict=True))


def _split(folder: Path, file: Path) -> Split | None:
    split = split_of(file.stem)
    return split_of(file.parent.name) if split is None and file.parent != folder else split


def _size(entry: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = entry.get("height"), entry.get("width")
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        return None
    return height, width


def _find(folder: Path, file: Path, name: str) -> str:
    """The image relative to `folder`: beside the JSON, below images/, or in a folder named as its file."""
    beside = file.parent.relative_to(folder).as_posix()
    word = file.stem.rpartition("_")[2]  # train2017 of instances_train2017
    bases = ("" if beside == "." else beside, "", "images", word, f"images/{word}")
    candidates = [str(PurePosixPath(base) / name) for base in bases]
    return next((c for c in candidates if _is_file(folder, c)), str(PurePosixPath(name)))


def _is_file(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except (OSError, ValueError):
        return False
