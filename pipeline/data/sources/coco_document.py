"""One JSON file of COCO's instances: its images and annotations, joined by their ids."""

import mmap
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.problem_lists import BadEntry, problem_at, warn_of
from pipeline.data.sources.documents import read_json_file
from pipeline.data.sources.identifiers import Identifiers, is_identifier, whole_number
from pipeline.data.sources.records import class_name

CocoEntry = tuple[Location, dict[str, Any]]
PARTS = ("images", "annotations", "categories")
NEEDED = {"images": "id and file_name", "annotations": "image_id", "categories": "id and name"}
LISTS = [
    re.compile(rf'"{part}"\s*:\s*\[\s*[{{\]n]'.encode()) for part in PARTS
]  # of objects, of null, or empty
HEAD = 4096  # bytes, for the first letter
LEFT_OUT = "They are left out."
LOST = "They are left out; an image without any other annotation counts as background."
FEW = 0.1  # share of the entries of a list


@dataclass(frozen=True)
class CocoAnnotation:
    """One object of an image."""

    name: str | None  # of its category; None: the file has no such category
    crowd: bool
    outline: object  # its segmentation, as the file has it
    location: Location


@dataclass(frozen=True)
class Document:
    """One JSON file, without the entries that are no objects or have no usable id."""

    file: Path
    images: Sequence[CocoEntry]
    annotations: Mapping[int, Sequence[CocoAnnotation]]  # by the position of their image
    names: Sequence[str]  # of the categories that are used, in the order of their ids
    outlined: bool  # some annotation has a segmentation


def lacks_lists(folder: Path, file: Path) -> bool:
    """Whether a JSON file is empty, a list, or without one of COCO's lists: the file of something else."""
    try:
        if file.is_symlink() or not file.resolve().is_relative_to(folder.resolve()):
            return False
        if not file.stat().st_size:  # it cannot be mapped
            return True
        with file.open("rb") as content, mmap.mmap(content.fileno(), 0, access=mmap.ACCESS_READ) as text:
            start = text[:HEAD].lstrip(b"\xef\xbb\xbf \t\r\n")[:1]
            if start in (b"\xfe", b"\xff"):  # UTF-16: it has to be read
                return False
            return start == b"[" or not all(part.search(text) for part in LISTS)
    except (OSError, ValueError):
        return False


def read_document(folder: Path, file: Path, problems: list[Problem]) -> Document:
    """The images of a file and their annotations. Raises `BadEntry`.

    Ids of images and categories come once. An annotation may write them as text or as decimal numbers.
    """
    value = read_json_file(folder, file)
    if not isinstance(value, dict) or not all(isinstance(value.get(part), list) for part in PARTS):
        expected = "an object with lists `images`, `annotations` and `categories`"
        advice = "Export instances in the format of COCO, or name the --source of another kind of folder."
        raise BadEntry(Problem(file, expected, "something else", advice))
    images, annotations, categories = (_entries(file, part, value[part], problems) for part in PARTS)
    names = [class_name(str(entry["name"])) for _, entry in categories]
    image_ids, category_ids = (Identifiers(e["id"] for _, e in entries) for entries in (images, categories))
    problems += _repetitions(images, image_ids.again)
    problems += _repetitions(categories, [(i, j) for i, j in category_ids.again if names[i] != names[j]])
    again = {position for position, _ in category_ids.again}
    distinct = [(names[i], entry["id"]) for i, (_, entry) in enumerate(categories) if i not in again]
    problems += _shared_names(file, distinct)
    problems += _annotated_twice(file, annotations)
    by_image = _by_image(file, annotations, image_ids, category_ids, names, problems)
    kept = [annotation for of_image in by_image.values() for annotation in of_image]
    used, outlined = {annotation.name for annotation in kept}, any(a.outline for a in kept)
    ordered = dict.fromkeys(names[i] for i in category_ids.in_order() if names[i] in used)
    return Document(file, images, by_image, tuple(ordered), outlined)


def _by_image(
    file: Path,
    annotations: Sequence[CocoEntry],
    image_ids: Identifiers,
    category_ids: Identifiers,
    names: Sequence[str],
    problems: list[Problem],
) -> dict[int, list[CocoAnnotation]]:
    """The annotations by the position of their image; `names` are those of the categories."""
    by_image: dict[int, list[CocoAnnotation]] = defaultdict(list)
    lost, unknown = list[str](), list[str]()
    for location, entry in annotations:
        image, category = image_ids.find(entry["image_id"]), category_ids.find(entry.get("category_id"))
        name = None if category is None else names[category]
        if image is None:
            lost.append(f"{entry['image_id']!r:.40} ({location.at})")
            continue
        if name is None:
            unknown.append(f"{entry.get('category_id')!r:.40} ({location.at})")
        crowd, outline = _is_crowd(entry.get("iscrowd")), entry.get("segmentation")
        by_image[image].append(CocoAnnotation(name, crowd, outline, location))
    total, expected = len(annotations), "a category_id of the categories in each annotation"
    problems += _bad_entries(file, "an image_id of the images in each annotation", lost, total, LOST)
    problems += _bad_entries(file, expected, unknown, total, "Their images are left out.")
    return by_image


def _bad_entries(
    file: Path, expected: str, bad: Sequence[str], total: int, cost: str = LEFT_OUT
) -> list[Problem]:
    """A warning on the entries of a list that cannot be used; an error where they are more than a few."""
    few = len(bad) <= max(1, FEW * total)
    got = f"{len(bad)} of {total} others: {listed(bad)}"
    advice = f"{cost} Correct them to use them." if few else "Export the file again."
    return [Problem(file, expected, got, advice, fatal=not few)] if bad else []


def image_reference(entry: Mapping[str, Any]) -> str:
    """How a file names an image: its `file_name`; without one, the address that LVIS has."""
    names = (entry.get(key) for key in ("file_name", "coco_url"))
    return next((name for name in names if isinstance(name, str) and name.strip()), "")


def _entries(file: Path, part: str, values: list[Any], problems: list[Problem]) -> list[CocoEntry]:
    """The entries of a list that have what they need; the others are a problem."""
    entries: list[CocoEntry] = []
    bad: list[str] = []
    for position, entry in enumerate(values):
        location = Location(file, f"{part}[{position}]")
        if isinstance(entry, dict) and _is_complete(part, entry):
            entries.append((location, entry))
        else:
            bad.append(location.at)
    cost = LOST if part == "annotations" else LEFT_OUT
    problems += _bad_entries(file, f"objects with {NEEDED[part]}", bad, len(values), cost)
    return entries


def _is_complete(part: str, entry: Mapping[str, Any]) -> bool:
    if part == "annotations":
        return is_identifier(entry.get("image_id"))
    named = image_reference(entry) if part == "images" else is_identifier(entry.get("name"))
    return is_identifier(entry.get("id")) and bool(named)


def _repetitions(entries: Sequence[CocoEntry], again: Sequence[tuple[int, int]]) -> list[Problem]:
    """A problem for each id that comes again: annotations would point at several entries."""
    advice = "Give it an id of its own, and its annotations too."
    return [
        problem_at(
            entries[position][0],
            "each id once",
            f"{entries[position][1]['id']!r} again, after {entries[first][0].at}",
            advice,
        )
        for position, first in again
    ]


def _shared_names(file: Path, categories: Sequence[tuple[str, object]]) -> list[Problem]:
    """A warning on names, each with its id, that several categories have: these become one class."""
    ids: dict[str, list[str]] = {}
    for name, identifier in categories:
        ids.setdefault(name, []).append(str(identifier))
    shared = [f"{name} (ids {', '.join(of_name)})" for name, of_name in ids.items() if len(of_name) > 1]
    advice = "They are read as one class. Rename them in the file if they are several."
    return warn_of(shared, "shared", file, "a name of its own for each category", advice)


def _annotated_twice(file: Path, annotations: Sequence[CocoEntry]) -> list[Problem]:
    """A warning on ids of annotations that come again: nothing points at them, so all of them count."""
    seen = set[object]()
    named: list[str] = []
    for location, entry in annotations:
        value = entry.get("id")
        if is_identifier(value):
            named += [f"{value!r} ({location.at})"] if value in seen else []
            seen.add(value)
    return warn_of(named, "again", file, "each id of an annotation once", "All of them count.")


def _is_crowd(value: object) -> bool:
    """Whether `iscrowd` says so: 1, true or "1"."""
    return value is True or whole_number(value) not in (None, 0)
