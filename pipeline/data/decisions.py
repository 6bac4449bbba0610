"""What people decided on the masks and labels of images: `data/review/decisions.csv`."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Literal, get_args

from pipeline.base.files import read_csv, write_csv
from pipeline.data.manifest import Manifest, Sample
from pipeline.errors import UserError

DecisionKind = Literal["accepted", "painted", "rejected", "wrong-label"]
KINDS = get_args(DecisionKind)
NO_TRAINING = ("rejected", "wrong-label")  # masks of these images train no model


@dataclass(frozen=True)
class Decision:
    """What a person decided on one image."""

    name: str  # of the sample
    decision: DecisionKind
    labels: str  # class names at that time, joined by `;`
    correction: str = ""  # SHA-256 of the correction that the decision wrote; empty: it wrote none


COLUMNS = tuple(field.name for field in fields(Decision))


def read_decisions(file: Path) -> dict[str, Decision]:
    """The decisions by the names of their samples; none without the file.

    Raises:
        UserError: a column is missing, or a decision is none of `KINDS`.
    """
    rows = read_csv(file) if file.exists() else []
    for number, row in enumerate(rows, 2):
        if set(row) != set(COLUMNS) or None in row.values() or row["decision"] not in KINDS:
            raise UserError(
                f"{file}, line {number}: expected {', '.join(COLUMNS)} with a decision of "
                f"{', '.join(KINDS)}, got another line. Correct it, or take it out"
            )
    return {row["name"]: Decision(**row) for row in rows}  # type: ignore[arg-type]  # checked above


def write_decisions(file: Path, decisions: Mapping[str, Decision]) -> None:
    """Write the decisions, sorted by name."""
    write_csv(file, COLUMNS, (asdict(decisions[name]) for name in sorted(decisions)))


def label_text(sample: Sample, classes: tuple[str, ...]) -> str:
    """The class names of a sample, joined by `;`."""
    return ";".join(classes[label] for label in sample.labels)


def rejected_names(manifest: Manifest, decisions: Iterable[Decision]) -> list[str]:
    """The training samples whose mask trains no model, in the order of the decisions.

    A wrong label counts as long as the image has the labels that it was decided on.
    """
    labels = {s.name: label_text(s, manifest.classes) for s in manifest.split("train")}
    return [
        decision.name
        for decision in decisions
        if decision.decision in NO_TRAINING
        and decision.name in labels
        and (decision.decision == "rejected" or decision.labels == labels[decision.name])
    ]
