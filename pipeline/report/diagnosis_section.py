"""The section on what the classifier looks at."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.files import safe_join
from pipeline.data.images import ImageArray, read_image
from pipeline.report.results import Metrics

COLUMNS = (
    "context",
    "pointing game",
    "heat on object",
    "other classes",
    "frame",
    "insertion",
    "deletion",
    "loss hottest",
    "random",
)


@dataclass(frozen=True)
class DiagnosisExample:
    """An image in which the classifier is most doubtful about a class."""

    label: str  # name of the class
    name: str  # of the sample
    image: ImageArray


def read_examples(folder: Path, diagnosis: Metrics) -> list[DiagnosisExample]:
    """The example images that `diagnose` wrote into `folder`."""
    return [
        DiagnosisExample(found["class"], found["name"], read_image(safe_join(folder, found["file"])))
        for found in diagnosis["examples"]
    ]


def class_rows(diagnosis: Metrics, classes: Sequence[str]) -> list[tuple[str, list[float | None]]]:
    """A row per class and one for all: name and scores in the order of `COLUMNS`."""
    named = [(name, diagnosis["classes"][name]) for name in classes]
    named.append(("all", diagnosis["overall"] | {"context": None}))
    return [(name, _scores(found)) for name, found in named]


def _scores(found: Metrics) -> list[float | None]:
    heat = found["heat"]
    frame = None if heat["border"] is None else heat["border"] + heat["corners"]
    where = [found["context"], found["pointing_game"], heat["object"], heat["other classes"], frame]
    return where + [found[key] for key in ("insertion", "deletion", "drop_hot", "drop_random")]
