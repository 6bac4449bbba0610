"""The `labelstudio` source: a JSON or JSON-MIN export with choices or labelled regions, beside its images."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.problem_lists import BadEntry, collected, problem_at, warn_of
from pipeline.data.sources.coco import json_files
from pipeline.data.sources.documents import read_json_file
from pipeline.data.sources.listing import ends, images_below, locate
from pipeline.data.sources.records import (
    ParsedSource,
    SourceRecord,
    class_name,
    parsed_source,
    stem,
)

CHOICES = ("choice", "choices", "label", "labels")  # controls of JSON-MIN whose values may be bare names

TaskEntry = tuple[Location, Mapping[str, Any]]


def read_folder(folder: Path) -> ParsedSource:
    """A record for each task with an annotation; of several, the last one that was not cancelled counts.

    A task names its image by an address or a path of another machine: the file with the longest common end
    counts. Labels are the choices and the names of regions; no choice means: no label.
    """
    problems: list[Problem] = []
    tasks = read_tasks(folder, json_files(folder), problems)
    by_end = ends(images_below(folder, problems))
    records, undone = [], []
    for location, task in tasks:
        reference, choices = reference_of(task), _choices(task)
        if choices is None:
            undone.append(reference)
            continue
        with collected(problems):
            image = find_image(folder, reference, by_end, location)
            records.append(SourceRecord(stem(image), image, task_labels(choices), location))
    advice = (
        "They are left out. JSON-MIN names choices as their control: if that is none of "
        f"{', '.join(CHOICES)}, export as JSON."
    )
    problems += warn_of(undone, "without", folder, "an annotation in each task", advice)
    return parsed_source(folder, records, problems)


def find_image(folder: Path, reference: str, by_end: dict[str, list[str]], location: Location) -> str:
    """The one file that `reference` means, relative to the folder. Raises `BadEntry`."""
    names = locate(reference, by_end)
    if len(names) == 1:
        return names[0]
    got = f"{len(names)}: {listed(names)}" if names else "none"
    advice = "Keep one of them, or the folders of the export." if names else "Copy it there."
    raise BadEntry(Problem(folder, f"one image for {reference[:200]!r}", got, advice, location))


def task_labels(choices: Sequence[str]) -> tuple[str, ...]:
    """Names that say something, without repetitions."""
    names = dict.fromkeys(class_name(choice) for choice in choices)
    return tuple(name for name in names if name)


def read_tasks(folder: Path, files: Sequence[Path], problems: list[Problem]) -> list[TaskEntry]:
    """The tasks of JSON files in the folder that name an image, with their locations."""
    tasks: list[TaskEntry] = []
    for file in files:
        with collected(problems):
            value = read_json_file(folder, file)
            for position, entry in enumerate(value if isinstance(value, list) else [value]):
                location = Location(file, f"[{position}]")
                if isinstance(entry, dict) and reference_of(entry):
                    tasks.append((location, entry))
                else:
                    advice = "Export the project as JSON or JSON-MIN."
                    problems.append(problem_at(location, "a task with an image", "something else", advice))
    return tasks


def reference_of(task: Mapping[str, Any]) -> str:
    """The image of a task: the first text of its data that is named `image`, or like an image's address."""
    data = task.get("data", task)
    if not isinstance(data, dict):
        return ""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    named = [texts[key] for key in ("image", "img", "photo", "picture", "url") if key in texts]
    return [*named, *(value for value in texts.values() if "/" in value), ""][0]


def _choices(task: Mapping[str, Any]) -> list[str] | None:
    """The names chosen; None: nobody has looked at the task."""
    if "data" not in task:  # JSON-MIN: {"image": ..., "choice": "cat" or {"choices": ["cat", "dog"]}}
        # Columns of the data stand beside the controls, so that a bare name counts under these keys alone.
        values = [value for key, value in task.items() if key in CHOICES or _is_annotated(value)]
        return [name for value in values for name in _names(value)] if values else None
    results = annotation_of(task)
    if results is None:
        return None
    return [name for result in results for name in _names(result.get("value"))]


def annotation_of(task: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The results of the last annotation that was not cancelled; None if there is none."""
    annotations = task.get("annotations", task.get("completions"))
    if not isinstance(annotations, list):
        return None
    done = [a for a in annotations if isinstance(a, dict) and not a.get("was_cancelled")]
    if not done or not isinstance(done[-1].get("result"), list):
        return None
    return [result for result in done[-1]["result"] if isinstance(result, dict)]


def _is_annotated(value: object) -> bool:
    """Whether this is `{choices: [cat]}`, or regions such as `[{rectanglelabels: [cat]}]`."""
    entries = value if isinstance(value, list) else [value]
    return any(isinstance(entry, dict) and _named(entry) for entry in entries)


def _names(value: object) -> list[str]:
    """The names in `cat`, in `[cat, dog]`, or in a value that `_is_annotated`."""
    names: list[str] = []
    for entry in value if isinstance(value, list) else [value]:
        if isinstance(entry, dict):
            names += _named(entry)
        elif isinstance(entry, str):
            names.append(entry)
    return names


def _named(entry: Mapping[str, Any]) -> list[str]:
    lists = [names for key, names in entry.items() if key.endswith(("choices", "labels"))]
    return [name for names in lists if isinstance(names, list) for name in names if isinstance(name, str)]
