"""Masks that were painted with the brush of Label Studio."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pipeline.base.problems import Location, Problem
from pipeline.data.sources.labelstudio import annotation_of, read_tasks, reference_of
from pipeline.data.sources.records import ParsedSource, Shape, SourceRecord, class_name

BRUSH = "brushlabels"
OTHERS = ("bitmasklabels", "polygonlabels", "rectanglelabels", "ellipselabels", "keypointlabels", "brush")

Result = Mapping[str, Any]


def read_brushes(folder: Path, files: Sequence[Path]) -> ParsedSource:
    """A record for each task with an annotation; where no task has one, for each with a prediction.

    Names are numbered as they come. A record's name is the `name` of the task's data, if it has one.
    """
    tasks, problems = read_tasks(folder, files)
    annotated = any(annotation_of(task) is not None for _, task in tasks)
    records: list[SourceRecord] = []
    numbers: dict[str, int] = {}
    for location, task in tasks:
        results = annotation_of(task) if annotated else _prediction_of(task)
        if results is None:
            continue
        record, found = _read_record(task, results, location, numbers)
        records += [record] if record else []
        problems += found
    names = tuple(numbers)
    return ParsedSource(folder, tuple(records), names, names, tuple(problems), folder)


def _prediction_of(task: Result) -> list[dict[str, Any]] | None:
    """The results of the last prediction; None if there is none."""
    predictions = task.get("predictions")
    if not isinstance(predictions, list) or not predictions:
        return None
    return annotation_of({"annotations": predictions[-1:]})


def _read_record(
    task: Result, results: Sequence[Result], location: Location, numbers: dict[str, int]
) -> tuple[SourceRecord | None, list[Problem]]:
    """The record of one task; new names get the next number."""
    shapes: list[Shape] = []
    sizes: set[tuple[int, int]] = set()
    problems: list[Problem] = []
    for position, result in enumerate(results):
        if result.get("type") not in (BRUSH, *OTHERS):
            continue  # choices, texts and ratings are no part of a mask
        at = f"result {position + 1}"
        match result:
            case {
                "type": "brushlabels",
                "original_height": int(height),
                "original_width": int(width),
                "value": {"format": "rle", "brushlabels": [str(name)]} as outline,
            } if not result.get("image_rotation"):
                number = numbers.setdefault(class_name(name), len(numbers) + 1)
                shapes.append(Shape(number, outline, at))
                sizes.add((height, width))
            case _:
                expected, advice = f"{at} painted with the brush and one label", "Paint it with the brush."
                problems.append(Problem(location.file, expected, "something else", advice, location))
    if len(sizes) > 1:
        expected, advice = "one size of the image", "Export it again."
        problems.append(Problem(location.file, expected, "several", advice, location))
    if problems:
        return None, problems
    reference, size = unquote(reference_of(task)), next(iter(sizes), None)
    return SourceRecord(_name(task) or reference, reference, (), location, mask=tuple(shapes), size=size), []


def _name(task: Result) -> str:
    """What an exported task calls its image; empty of others."""
    data = task.get("data")
    name = data.get("name") if isinstance(data, dict) else None
    return name if isinstance(name, str) else ""
