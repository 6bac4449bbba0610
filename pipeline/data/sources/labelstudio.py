"""The `labelstudio` source: a JSON or JSON-MIN export with choices or labelled regions, beside its images."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pipeline.base.problems import Location, Problem, listed
from pipeline.data.problem_lists import collected, problem_at, warn_of
from pipeline.data.sources.coco import json_files
from pipeline.data.sources.documents import read_json_file
from pipeline.data.sources.listing import FileFinder, images_below
from pipeline.data.sources.named_images import find_image
from pipeline.data.sources.records import (
    ParsedSource,
    SourceRecord,
    class_name,
    parsed_source,
    stem,
)

CHOICES = ("choice", "choices", "label", "labels")  # controls of JSON-MIN whose values may be bare names

TaskEntry = tuple[Location, Mapping[str, Any]]


@dataclass(frozen=True)
class _Answer:
    """What the annotation of a task says."""

    names: tuple[str, ...]
    unread: tuple[
        str, ...
    ]  # kinds of its results that hold no names: ratings, texts, regions without a label

    @property
    def is_unclear(self) -> bool:
        """Whether somebody answered, and no name can be read: the image need not be background."""
        return bool(self.unread) and not self.names


def read_folder(folder: Path) -> ParsedSource:
    """A record for each task with an annotation; of several, the last one that was not cancelled counts.

    A task names its image by an address or a path of another machine: the file with the longest common end
    counts. Labels are the choices, the names of regions and the last names of taxonomies; no choice means: no
    label. Of several tasks of one image, the last one counts.
    """
    problems: list[Problem] = []
    tasks = read_tasks(folder, json_files(folder), problems)
    files = FileFinder(images_below(folder, problems))
    records: dict[str, SourceRecord] = {}
    again, undone, unclear = list[str](), list[str](), list[str]()
    unread = Counter[str]()
    for location, task in tasks:
        reference, answer = reference_of(task), _answer(task)
        unread.update(answer.unread if answer else ())
        if answer is None or answer.is_unclear:
            (unclear if answer else undone).append(reference)
            continue
        with collected(problems):
            image = find_image(folder, reference, files, location)
            again += [image] if image in records else []
            records[image] = SourceRecord(stem(image), image, answer.names, location)
    problems += files.said(folder)
    problems += _left_out(folder, undone, unclear)
    problems += warn_of(again, "again", folder, "one task for each image", "The last one counts.")
    if unread:
        got = f"others: {listed([f'{kind} ({count})' for kind, count in unread.most_common()])}"
        advice = "They are ignored: they hold no names of classes."
        problems.append(Problem(folder, "choices, labels and taxonomies", got, advice, fatal=False))
    return parsed_source(folder, list(records.values()), problems)


def _left_out(folder: Path, undone: Sequence[str], unclear: Sequence[str]) -> list[Problem]:
    """Warnings on tasks that are no records."""
    advice = (
        "They are left out. JSON-MIN names choices as their control: if that is none of "
        f"{', '.join(CHOICES)}, export as JSON."
    )
    expected = "a choice, a label or a taxonomy in each annotation"
    no_names = "They are left out, since they need not be background. Delete their other results if they are."
    return [
        *warn_of(undone, "without", folder, "an annotation in each task", advice),
        *warn_of(unclear, "with other results", folder, expected, no_names),
    ]


def task_labels(choices: Sequence[str]) -> tuple[str, ...]:
    """Names that say something, without repetitions."""
    names = dict.fromkeys(class_name(choice) for choice in choices)
    return tuple(name for name in names if name)


def read_tasks(folder: Path, files: Sequence[Path], problems: list[Problem]) -> list[TaskEntry]:
    """The tasks of JSON files in the folder that name an image, with their locations.

    A file without any task is named; it is an error where there are no tasks at all.
    """
    tasks: list[TaskEntry] = []
    others: list[Problem] = []
    expected, got, advice = (
        "a task with an image",
        "something else",
        "Export the project as JSON or JSON-MIN.",
    )
    for file in files:
        with collected(problems):
            value = read_json_file(folder, file)
            entries = [(Location(file, f"[{i}]"), e) for i, e in enumerate(_listed(value))]
            found = [(at, e) for at, e in entries if isinstance(e, dict) and reference_of(e)]
            tasks += found
            if found:
                known = {at for at, _ in found}
                problems += [problem_at(at, expected, got, advice) for at, _ in entries if at not in known]
            else:
                others.append(Problem(file, expected, got, advice))
    left_out = "It is left out."
    problems += [replace(p, advice=left_out, fatal=False) for p in others] if tasks else others
    return tasks


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def reference_of(task: Mapping[str, Any]) -> str:
    """The image of a task: the first text of its data that is named `image`, or like an image's address."""
    data = task.get("data", task)
    if not isinstance(data, dict):
        return ""
    texts = {key: value for key, value in data.items() if isinstance(value, str)}
    named = [texts[key] for key in ("image", "img", "photo", "picture", "url") if key in texts]
    return [*named, *(value for value in texts.values() if "/" in value), ""][0]


def _answer(task: Mapping[str, Any]) -> _Answer | None:
    """What the annotation says; None: nobody has looked at the task."""
    if "data" not in task:
        return _answer_of_min(task)
    results = annotation_of(task)
    if results is None:
        return None
    values = [(str(result.get("type", "a result"))[:40], result.get("value")) for result in results]
    unread = tuple(kind for kind, value in values if not _is_read(value))
    return _Answer(task_labels([name for _, value in values for name in _names(value)]), unread)


def _answer_of_min(task: Mapping[str, Any]) -> _Answer | None:
    """Of JSON-MIN: {"image": ..., "choice": "cat" or {"choices": ["cat", "dog"]}}.

    Columns of the data stand beside the controls, so that a bare name counts under the keys `CHOICES` alone.
    """
    read = {key: value for key, value in task.items() if _is_read(value)}
    unread = tuple(key[:40] for key, value in task.items() if _is_result(value) and key not in read)
    read |= {key: value for key, value in task.items() if key in CHOICES and not _is_result(value)}
    names = task_labels([name for value in read.values() for name in _names(value)])
    return _Answer(names, unread) if read or unread else None


def annotation_of(task: Mapping[str, Any]) -> list[dict[str, Any]] | None:
    """The results of the last annotation that was not cancelled; None if there is none."""
    annotations = task.get("annotations", task.get("completions"))
    if not isinstance(annotations, list):
        return None
    done = [a for a in annotations if isinstance(a, dict) and not a.get("was_cancelled")]
    if not done or not isinstance(done[-1].get("result"), list):
        return None
    return [result for result in done[-1]["result"] if isinstance(result, dict)]


def _is_result(value: object) -> bool:
    """Whether JSON-MIN writes what a control says so: an object, or a list of them."""
    return any(isinstance(entry, dict) for entry in _listed(value))


def _is_read(value: object) -> bool:
    """Whether this is `{choices: [cat]}`, or regions such as `[{rectanglelabels: [cat]}]`."""
    return any(isinstance(entry, dict) and _named(entry) is not None for entry in _listed(value))


def _names(value: object) -> list[str]:
    """The names in `cat`, in `[cat, dog]`, or in a value that `_is_read`."""
    names: list[str] = []
    for entry in _listed(value):
        if isinstance(entry, dict):
            names += _named(entry) or []
        elif isinstance(entry, str):
            names.append(entry)
    return names


def _named(entry: Mapping[str, Any]) -> list[str] | None:
    """The names of an object; of a path of a taxonomy, the last one. None: it has no place for names."""
    lists = [
        names
        for key, names in entry.items()
        if key.endswith(("choices", "labels", "taxonomy")) and isinstance(names, list)
    ]
    ends = [name[-1] if isinstance(name, list) and name else name for names in lists for name in names]
    return [name for name in ends if isinstance(name, str)] if lists else None
