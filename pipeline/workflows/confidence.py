"""The confidence of each mask, as it was written when the mask was made."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.data.manifest import Sample
from pipeline.errors import UserError

IMAGES = "images.csv"  # beside the metrics of masks or predictions: a row for each image


@dataclass(frozen=True)
class MaskConfidence:
    """The confidence of one mask, and whether a human made it."""

    confidence: float  # in [0, 1], see `mask_confidence`; 1 of a corrected mask
    corrected: bool  # made by a human


def read_confidences(folder: Path, samples: Sequence[Sample]) -> list[MaskConfidence]:
    """Of the masks of `samples`, from `images.csv` in their folder of reports.

    Raises:
        UserError: the file is missing, or has no confidence of one of the samples.
    """
    file = folder / IMAGES
    if not file.is_file():
        raise UserError(f"{file}: no such file, and the confidence of the masks is there. Run `make repro`")
    with file.open(encoding="utf-8", newline="") as rows:
        found = {row["name"]: row for row in csv.DictReader(rows)}
    missing = [s.name for s in samples if not found.get(s.name, {}).get("confidence")]
    if missing:
        raise UserError(
            f"{file}: expected a confidence for each mask, got none for {len(missing)} of {len(samples)}, "
            f"the first of them {missing[0]!r}. Run `make repro` again"
        )
    return [_confidence(found[sample.name]) for sample in samples]


def _confidence(row: dict[str, str]) -> MaskConfidence:
    return MaskConfidence(float(row["confidence"]), row.get("corrected") == "1")  # no prediction is corrected
