"""Masks that were painted with the brush of Label Studio."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from pipeline.base.problems import Location, Problem
from pipeline.data.problem_lists import BadEntry, collected, problem_at
from pipeline.data.sources.labelstudio import annotation_of, read_tasks, reference_of
from pipeline.data.sources.records import ParsedSource, Shape, SourceRecord, class_name

# Results that draw; choices, texts and ratings are no part of a mask.
OTHERS = ("bitmasklabels", "polygonlabels", "rectanglelabels", "ellipselabels", "keypointlabels", "brush")
DRAWN = ("brushlabels", *OTHERS)

Result = Mapping[str, Any]


def read_brushes(folder: Path, files: Sequence[Path]) -> ParsedSource:
    """A record for each task with an annotation; where no task has one, for each with a prediction.

    Names are numbered as they come. A record's name is the `name` of the task's data, if it has one.
    """
    problems: list[Problem] = []
    tasks = read_tasks(folder, files, problems)
    annotated = any(annotation_of(task) is not None for _, task in tasks)
    records: list[SourceRecord] = []
    numbers: dict[str, int] = {}
    for location, task in tasks:
        predictions = task.get("predictions")
        last = predictions[-1:] if isinstance(predictions, list) else None
        results = annotation_of(task if annotated else {"annotations": last})
        if results is not None:
            with collected(problems):
                records.append(_read_record(task, results, location, numbers))
    names = tuple(numbers)
    return ParsedSource(folder, tuple(records), names, names, tuple(problems), folder)


def _read_record(
    task: Result, results: Sequence[Result], location: Location, numbers: dict[str, int]
) -> SourceRecord:
    """The record of one task; new names get the next number."""
    shapes: list[Shape] = []
    sizes: set[tuple[int, int]] = set()
    problems: list[Problem] = []
    for position, result in enumerate(results, 1):
        match result:
            case {
                "type": "brushlabels",
                "original_height": int(height),
                "original_width": int(width),
                "value": {"format": "rle", "brushlabels": [str(name)]} as outline,
            } if not result.get("image_rotation"):
                number = numbers.setdefault(class_name(name), len(numbers) + 1)
                shapes.append(Shape(number, outline, f"result {position}"))
                sizes.add((height, width))
            case {"type": kind} if kind in DRAWN:
                expected = f"result {position} painted with the brush and one label"
                problems.append(problem_at(location, expected, "something else", "Paint it with the brush."))
    if len(sizes) > 1:
        problems.append(problem_at(location, "one size of the image", "several", "Export it again."))
    if problems:
        raise BadEntry(*problems)
    reference, data, size = unquote(reference_of(task)), task.get("data"), next(iter(sizes), None)
    exported = data.get("name") if isinstance(data, dict) else None
    record_name = exported if isinstance(exported, str) and exported else reference
    return SourceRecord(record_name, reference, (), location, mask=tuple(shapes), size=size)
