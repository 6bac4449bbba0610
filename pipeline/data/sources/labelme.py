"""The `labelme` source: a JSON file of LabelMe beside each image."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.base.problems import Location, Problem
from pipeline.data.problem_lists import BadEntry, collected, problem_at, warn_of
from pipeline.data.sources.documents import read_json_file
from pipeline.data.sources.listing import HIDDEN, FileFinder, images_below
from pipeline.data.sources.named_images import find_image
from pipeline.data.sources.objects import (
    AnnotatedObject,
    AnnotatedRecord,
    ellipse_outline,
    numbers,
    parsed_objects,
    polygon_outline,
    rectangle_outline,
    stated_size,
    unclear_sizes,
)
from pipeline.data.sources.records import ParsedSource, SourceRecord, class_name, stem
from pipeline.data.sources.splits import split_of_path


def read_folder(folder: Path) -> ParsedSource:
    """A record for each JSON file; labels are those of its shapes, and its flags that are set.

    Polygons and circles become masks, rectangles where there are polygons too. The image is the file beside
    the JSON file with its stem, else the longest end of its `imagePath`. `imageData` is not read.
    """
    problems: list[Problem] = []
    images = images_below(folder, problems)
    beside, files = {stem(name): name for name in images}, FileFinder(images)
    entries: list[AnnotatedRecord] = []
    others: list[str] = []
    sizes: list[tuple[str, object, object]] = []
    for name in _json_below(folder):
        with collected(problems):
            value = read_json_file(folder, folder / name)
            if not isinstance(value, dict) or not isinstance(value.get("shapes"), list):
                others.append(name)
                continue
            location = Location(folder / name)
            image = beside.get(stem(name)) or _named_image(folder, value, files, location)
            entries.append(_read_record(value, image, location, problems))
            sizes.append((name, value.get("imageHeight"), value.get("imageWidth")))
    advice = "They are left out, since they have no list `shapes`."
    problems += warn_of(others, "others", folder, "JSON files of LabelMe", advice)
    problems += [*unclear_sizes(folder, sizes), *files.said(folder)]
    used = {record.image for record, _ in entries}
    bare = [name for name in images if name not in used]
    advice = "They are left out; save an annotation without shapes for an image of background."
    problems += warn_of(bare, "without one", folder, "a JSON file for each image", advice)
    if not entries:
        advice = "Give the folder with the JSON files."
        problems.append(Problem(folder, "JSON files of LabelMe", "none", advice))
    return parsed_objects(folder, entries, problems)


def _json_below(folder: Path) -> list[str]:
    files = [f.relative_to(folder) for f in sorted(folder.rglob("*.json")) if f.is_file()]
    return [f.as_posix() for f in files if not any(part.startswith(HIDDEN) for part in f.parts)]


def _named_image(folder: Path, value: Mapping[str, Any], files: FileFinder, location: Location) -> str:
    name = value.get("imagePath")
    if not isinstance(name, str):
        got, advice = repr(name)[:200], "Put the image beside its JSON file."
        raise BadEntry(problem_at(location, "the image of the JSON file", got, advice))
    return find_image(folder, name, files, location)


def _read_record(
    value: Mapping[str, Any], image: str, location: Location, problems: list[Problem]
) -> AnnotatedRecord:
    things = []
    for position, shape in enumerate(value["shapes"]):
        at = Location(location.file, f"shapes[{position}]")
        label = shape.get("label") if isinstance(shape, dict) else None
        if isinstance(label, str) and label.strip():
            outline, box = _outline(shape)
            things.append(AnnotatedObject(class_name(label), outline, at.at, box))
        else:
            advice = "Name it, or delete it."
            problems.append(problem_at(at, "a shape with a label", "something else", advice))
    flags = value.get("flags")
    flagged = [key for key, on in flags.items() if on is True] if isinstance(flags, dict) else []
    size = stated_size(value.get("imageHeight"), value.get("imageWidth"))
    labels = tuple(dict.fromkeys(map(class_name, flagged)))
    return SourceRecord(stem(image), image, labels, location, split_of_path(image), size=size), things


def _outline(shape: Mapping[str, Any]) -> tuple[object, bool]:
    """The outline of a shape, None for points and lines, and whether it is a box."""
    try:
        points = [numbers(point) for point in shape.get("points", ())]
        xs, ys = [point[0] for point in points], [point[1] for point in points]
        match shape.get("shape_type") or "polygon":
            case "polygon" if len(points) > 2:
                return polygon_outline(xs, ys), False
            case "rectangle":
                return rectangle_outline(min(xs), min(ys), max(xs), max(ys)), True
            case "circle":  # its centre, and a point on it
                radius = ((xs[1] - xs[0]) ** 2 + (ys[1] - ys[0]) ** 2) ** 0.5
                return ellipse_outline(xs[0], ys[0], radius, radius), False
    except (ValueError, IndexError, TypeError, OverflowError):
        pass
    return None, False
