"""The `coco` source: instances JSON with boxes, polygons or run lengths, and the folders of its images."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.images import IGNORE
from pipeline.data.sources.documents import read_json_file
from pipeline.data.sources.records import (
    ParsedSource,
    Shape,
    SourceRecord,
    check_image,
    class_name,
    split_of,
    stem,
    with_distinct_names,
)

CocoEntry = tuple[int, dict[str, Any]]  # position in its list, and what is there
PARTS = ("images", "annotations", "categories")


@dataclass(frozen=True)
class Document:
    """One JSON file, with what is no object or has no usable id left out."""

    file: Path
    images: Sequence[CocoEntry]  # position, entry
    annotations: Mapping[Any, Sequence[CocoEntry]]  # by image id
    categories: Mapping[Any, str]  # name by id, in the order of the ids
    problems: list[Problem] = field(default_factory=list)
    outlined: bool = False  # some annotation has a segmentation


def read_folder(folder: Path) -> ParsedSource:
    """The records of all instances files in the folder."""
    return read_files(folder, json_files(folder))


def read_files(folder: Path, files: Sequence[Path]) -> ParsedSource:
    """The records of instances files in the folder; labels are the categories of an image's annotations.

    Masks come from the segmentations, where each annotation of an image has one; crowds are 255. The split is
    that of the file's name or folder (instances_val2017.json, valid/_annotations.coco.json).
    """
    documents = [_read_document(folder, file) for file in files]
    used = {a["category_id"] for d in documents for found in d.annotations.values() for _, a in found}
    names = tuple(dict.fromkeys(n for d in documents for i, n in d.categories.items() if i in used))
    records: list[SourceRecord] = []
    problems = [problem for d in documents for problem in d.problems]
    if len(names) >= IGNORE and any(d.outlined for d in documents):
        got, advice = str(len(names)), "Masks are left out: 8 bits hold no more. Labels are read."
        problems.append(Problem(folder, f"masks of up to {IGNORE - 1} categories", got, advice, fatal=False))
    for document in documents:
        read, found = _read_records(folder, document, names)
        records += read
        problems += found
    records, repeated = with_distinct_names(records)
    problems += repeated
    if not documents:
        advice = "Put the instances JSON there, or in annotations/."
        problems.append(Problem(folder, "an instances JSON", "none", advice))
    file = documents[0].file if len(documents) == 1 else folder
    return ParsedSource(file, tuple(records), names, names, tuple(problems), file)


def json_files(folder: Path) -> list[Path]:
    """JSON files in the folder or one level down; captions, keypoints and the like are left out."""
    found = sorted({*folder.glob("*.json"), *folder.glob("*/*.json")})
    others = ("captions_", "person_keypoints_", "image_info_", "panoptic_", "stuff_")
    return [file for file in found if not file.name.startswith((*others, "."))]


def _read_document(folder: Path, file: Path) -> Document:
    value, problems = read_json_file(folder, file)
    if problems:
        return Document(file, [], {}, {}, problems)
    if not isinstance(value, dict) or not all(isinstance(value.get(part), list) for part in PARTS):
        expected = "an object with lists `images`, `annotations` and `categories`"
        advice = (
            "Export instances in the format of COCO; if the folder is of another kind, name its --source."
        )
        problem = Problem(file, expected, "something else", advice)
        return Document(file, [], {}, {}, [problem])
    images = _entries(file, "images", value["images"], ("id", "file_name"), problems)
    categories = _entries(file, "categories", value["categories"], ("id", "name"), problems)
    annotations = _entries(file, "annotations", value["annotations"], ("image_id", "category_id"), problems)
    by_image: dict[Any, list[CocoEntry]] = defaultdict(list)
    for position, entry in annotations:
        by_image[entry["image_id"]].append((position, entry))
    names = {entry["id"]: class_name(entry["name"]) for _, entry in categories}
    unknown = sorted(map(str, set(by_image) - {entry["id"] for _, entry in images}))
    if unknown:
        got, advice = f"{len(unknown)} others: {listed(unknown)[:400]}", "Export the file again."
        problems.append(Problem(file, "annotations of its images", got, advice))
    ordered = dict(sorted(names.items(), key=lambda pair: (str(type(pair[0])), pair[0])))
    outlined = any(entry.get("segmentation") for _, entry in annotations)
    return Document(file, images, by_image, ordered, problems, outlined)


def _entries(
    file: Path, part: str, values: Iterable[Any], keys: tuple[str, str], problems: list[Problem]
) -> list[CocoEntry]:
    """Entries that have both keys: ids are numbers or text, names are text that says something."""
    found = []
    for position, value in enumerate(values):
        if isinstance(value, dict) and all(_is_good(key, value.get(key)) for key in keys):
            found.append((position, value))
        else:
            expected = f"an object with {keys[0]} and {keys[1]}"
            location = Location(file, f"{part}[{position}]")
            problems.append(Problem(file, expected, "something else", "Export the file again.", location))
    return found


def _is_good(key: str, value: Any) -> bool:
    if key in ("name", "file_name"):
        return isinstance(value, str) and bool(value.strip())
    return type(value) in (int, str)


def _read_records(
    folder: Path, document: Document, names: Sequence[str]
) -> tuple[list[SourceRecord], list[Problem]]:
    records, problems = [], []
    order = {name: i + 1 for i, name in enumerate(names)}
    ids = {number: order.get(name, 0) for number, name in document.categories.items()}  # 0: never used
    for position, entry in document.images:
        location = Location(document.file, f"images[{position}]")
        image, problem = _find(folder, document.file, entry["file_name"], location)
        unknown = _unknown_categories(document, document.annotations.get(entry["id"], ()))
        problems += ([problem] if problem else []) + unknown
        if not problem and not unknown:
            records.append(_record(folder, document, entry, image, ids, location))
    return records, problems


def _unknown_categories(document: Document, annotations: Sequence[CocoEntry]) -> list[Problem]:
    expected, advice, file = "a category_id of the categories", "Export the file again.", document.file
    wrong = [(i, a["category_id"]) for i, a in annotations if a["category_id"] not in document.categories]
    return [
        Problem(file, expected, str(number)[:40], advice, Location(file, f"annotations[{i}]"))
        for i, number in wrong
    ]


def _record(
    folder: Path,
    document: Document,
    entry: Mapping[str, Any],
    image: str,
    ids: Mapping[Any, int],
    location: Location,
) -> SourceRecord:
    annotations = document.annotations.get(entry["id"], ())
    labels = dict.fromkeys(document.categories[a["category_id"]] for _, a in annotations)
    known = document.outlined and all(a.get("segmentation") for _, a in annotations)
    known = known and max(ids.values(), default=0) < IGNORE
    shapes = tuple(
        Shape(
            IGNORE if a.get("iscrowd") else ids[a["category_id"]], a.get("segmentation"), f"annotations[{i}]"
        )
        for i, a in annotations
    )
    split = split_of(document.file.stem.rpartition("_")[2])
    if split is None and document.file.parent != folder:
        split = split_of(document.file.parent.name)
    return SourceRecord(
        stem(image), image, tuple(labels), location, split, mask=shapes if known else None, size=_size(entry)
    )


def _size(entry: Mapping[str, Any]) -> tuple[int, int] | None:
    height, width = entry.get("height"), entry.get("width")
    if type(height) is not int or type(width) is not int or min(height, width) < 1:
        return None
    return height, width


def _find(folder: Path, file: Path, name: str, location: Location) -> tuple[str, Problem | None]:
    """The image relative to `folder`: beside the JSON, below images/, or in a folder named as its file.

    Names of other folders are tried as they are; only what lies in `folder` is looked at.
    """
    where = file.parent.relative_to(folder).as_posix()
    word = file.stem.rpartition("_")[2]  # train2017 of instances_train2017
    bases = ["" if where == "." else where, "", "images", word, f"images/{word}"]
    problem = check_image(folder, name, location)
    if problem:
        return name, problem
    candidates = [str(PurePosixPath(base) / name) for base in bases]
    return next((c for c in candidates if _is_file(folder, c)), str(PurePosixPath(name))), None


def _is_file(folder: Path, name: str) -> bool:
    try:
        return (folder / name).is_file()
    except (OSError, ValueError):
        return False
