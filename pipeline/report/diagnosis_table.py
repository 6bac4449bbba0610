"""The diagnosis for the page: example images, and the rows of the table in page_classifier.html."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.files import safe_join
from pipeline.data.images import ImageArray, read_image
from pipeline.report.results import Metrics


@dataclass(frozen=True)
class DiagnosisExample:
    """An image in which the evidence for a class is most doubtful."""

    class_name: str
    name: str  # of the sample
    image: ImageArray


def read_examples(folder: Path, diagnosis: Metrics) -> list[DiagnosisExample]:
    """The example images that `diagnose` wrote into `folder`."""
    return [
        DiagnosisExample(entry["class"], entry["name"], read_image(safe_join(folder, entry["file"])))
        for entry in diagnosis["examples"]
    ]


def class_rows(diagnosis: Metrics, classes: Sequence[str]) -> list[tuple[str, list[float | None]]]:
    """A row for each class and one for all: name and scores, a column of the page each."""
    rows = [(name, _scores(diagnosis["classes"][name])) for name in classes]
    return [*rows, ("all", _scores(diagnosis["overall"]))]


def _scores(metrics: Metrics) -> list[float | None]:
    heat = metrics["heat"]
    frame = None if heat["border"] is None else heat["border"] + heat["corners"]
    where = [metrics.get("context"), metrics["pointing_game"], heat["object"], heat["other classes"], frame]
    return where + [metrics[key] for key in ("insertion", "deletion", "drop_hot", "drop_random")]
