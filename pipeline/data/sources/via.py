"""The `via` source: JSON or CSV of the VGG Image Annotator 2, beside its images."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.problem_lists import BadEntry, collected, problem_at, warn_of
from pipeline.data.sources.coco import json_files
from pipeline.data.sources.csv_table import read_table
from pipeline.data.sources.documents import read_json_file
from pipeline.data.sources.listing import FileFinder, images_below
from pipeline.data.sources.named_images import find_image
from pipeline.data.sources.objects import (
    AnnotatedObject,
    AnnotatedRecord,
    ellipse_outline,
    numbers,
    parsed_objects,
    polygon_outline,
    rectangle_outline,
)
from pipeline.data.sources.records import ParsedSource, SourceRecord, class_name, stem
from pipeline.data.sources.splits import split_of_path

CSV_COLUMN = "region_shape_attributes"
PREFERRED = ("class", "label", "category", "name", "type", "object")  # attributes of regions, small letters
ONE_CLASS = "object"  # where regions have no attributes


@dataclass(frozen=True)
class ViaEntry:
    """One image with its regions."""

    location: Location
    filename: str
    regions: Sequence[tuple[Mapping[str, Any], Mapping[str, Any]]]  # attributes of the shape, of the region


def read_folder(folder: Path) -> ParsedSource:
    """A record for each image of the files; labels are the values of the one attribute of the regions."""
    problems: list[Problem] = []
    entries = list(_entries(folder, problems))
    files = FileFinder(images_below(folder, problems))
    attribute = _attribute(folder, entries)
    read: list[AnnotatedRecord] = []
    for entry in entries:
        with collected(problems):
            image = find_image(folder, entry.filename, files, entry.location)
            record = SourceRecord(stem(image), image, (), entry.location, split_of_path(image))
            read.append((record, list(_objects(entry, attribute, problems))))
    problems += files.said(folder)
    bare = [record.name for record, things in read if not things]
    problems += warn_of(bare, "without", folder, "a region in each image", "They count as background.")
    if not read:
        advice = "Export the annotations as JSON or CSV from VIA 2."
        problems.append(Problem(folder, "images with regions of VIA", "none", advice))
    if attribute is None and any(entry.regions for entry in entries):
        advice = f"All regions are of one class, {ONE_CLASS!r}; data.rename gives it another name."
        problems.append(Problem(folder, "an attribute of the regions", "none", advice, fatal=False))
    return parsed_objects(folder, read, problems)


def _entries(folder: Path, problems: list[Problem]) -> Iterator[ViaEntry]:
    for file in json_files(folder):
        with collected(problems):
            yield from _json_entries(folder, file, problems)
    for file in sorted({*folder.glob("*.csv"), *folder.glob("*/*.csv")}):
        with collected(problems):
            yield from _csv_entries(folder, file, problems)


def _json_entries(folder: Path, file: Path, problems: list[Problem]) -> Iterator[ViaEntry]:
    value = read_json_file(folder, file)
    images = value.get("_via_img_metadata", value) if isinstance(value, dict) else None
    if not isinstance(images, dict) or not any(
        "filename" in i for i in images.values() if isinstance(i, dict)
    ):
        advice = "It is left out."
        raise BadEntry(Problem(file, "an object of images of VIA", "something else", advice, fatal=False))
    for key, image in images.items():
        location = Location(file, key[:60])
        name = image.get("filename") if isinstance(image, dict) else None
        regions = image.get("regions", []) if isinstance(image, dict) else None
        regions = list(regions.values()) if isinstance(regions, dict) else regions  # of VIA 1
        if not isinstance(name, str) or not name.strip() or not isinstance(regions, list):
            advice = "Export the annotations again."
            problems.append(problem_at(location, "filename and regions", "something else", advice))
            continue
        pairs = [
            (_part(region, "shape_attributes"), _part(region, "region_attributes")) for region in regions
        ]
        yield ViaEntry(location, name, pairs)


def _csv_entries(folder: Path, file: Path, problems: list[Problem]) -> Iterator[ViaEntry]:
    table = read_table(folder, file, [])
    if CSV_COLUMN not in table.header or table.header[0].lstrip("#").strip() != "filename":
        return
    regions: dict[str, list[tuple[Mapping[str, Any], Mapping[str, Any]]]] = defaultdict(list)
    first: dict[str, Location] = {}
    for location, cells in table.rows(problems):
        name = cells[table.header[0]]
        first.setdefault(name, location)
        shape, attributes = (_cell(cells.get(column, "")) for column in (CSV_COLUMN, "region_attributes"))
        if shape:
            regions[name].append((shape, attributes))
    for name, location in first.items():
        yield ViaEntry(location, name, regions[name])


def _cell(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _part(region: object, key: str) -> Mapping[str, Any]:
    value = region.get(key) if isinstance(region, dict) else None
    return value if isinstance(value, dict) else {}


def _attribute(folder: Path, entries: Sequence[ViaEntry]) -> str | None:
    """The attribute of regions that names their classes; None where they have none. Raises `BadEntry`."""
    regions = [attributes for entry in entries for _, attributes in entry.regions]
    counts = Counter(key for attributes in regions for key, value in attributes.items() if _values(value))
    if len(counts) < 2:
        return next(iter(counts), None)
    found = [key for word in PREFERRED for key in counts if key.casefold() == word]
    if not found:
        advice = "Call the one that names the classes `class`, or delete the others."
        raise BadEntry(Problem(folder, "one attribute of the regions", listed(sorted(counts)), advice))
    return found[0]


def _values(value: object) -> list[str]:
    """The names that an attribute holds: a text, or the options that are checked."""
    if isinstance(value, dict):
        return [key for key, on in value.items() if on is True or on == "true"]
    return [value] if isinstance(value, str) and value.strip() else []


def _objects(entry: ViaEntry, attribute: str | None, problems: list[Problem]) -> Iterator[AnnotatedObject]:
    for position, (shape, attributes) in enumerate(entry.regions):
        names = [ONE_CLASS] if attribute is None else _values(attributes.get(attribute))
        if not names:
            got, advice = "none", "Choose one, or delete the region."
            location = Location(entry.location.file, f"{entry.location.at}, region {position + 1}")
            problems.append(problem_at(location, f"a value of {attribute!r}", got, advice))
        outline, box = _outline(shape)
        for name in names:
            yield AnnotatedObject(class_name(name), outline, f"region {position + 1}", box)


def _outline(shape: Mapping[str, Any]) -> tuple[object, bool]:
    """The outline of a region, None for points and lines, and whether it is a box."""
    try:
        match shape.get("name"):
            case "polygon" | "polyline":
                xs, ys = numbers(shape["all_points_x"]), numbers(shape["all_points_y"])
                closed = shape["name"] == "polygon" or (xs[0], ys[0]) == (xs[-1], ys[-1])
                return (polygon_outline(xs, ys) if closed and len(xs) > 2 else None), False
            case "rect":
                x, y, width, height = numbers([shape[key] for key in ("x", "y", "width", "height")])
                return rectangle_outline(x, y, x + width, y + height), True
            case "circle":
                x, y, radius = numbers([shape[key] for key in ("cx", "cy", "r")])
                return ellipse_outline(x, y, radius, radius), False
            case "ellipse":
                x, y, rx, ry = numbers([shape[key] for key in ("cx", "cy", "rx", "ry")])
                return ellipse_outline(x, y, rx, ry, *numbers([shape.get("theta", 0)])), False
    except (KeyError, ValueError, IndexError, OverflowError):
        pass
    return None, False
