"""The confidence of each mask, read from the table that was written when the masks were made."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.files import read_csv
from pipeline.data.manifest import Sample
from pipeline.errors import UserError

IMAGES = "images.csv"  # beside the metrics of masks or predictions: a row for each image


@dataclass(frozen=True)
class MaskConfidence:
    """The confidence of one mask, and whether a person made it."""

    confidence: float  # in [0, 1], see `mask_confidence`; 1 for a corrected mask
    corrected: bool


def read_confidences(folder: Path, samples: Sequence[Sample]) -> list[MaskConfidence]:
    """The confidences of the masks of `samples`, from `images.csv` in their folder of reports.

    Raises:
        UserError: the file is missing, or lacks the confidence of a sample.
    """
    file = folder / IMAGES
    if not file.is_file():
        raise UserError(f"{file}: no such file, and the confidence of the masks is there. Run `camseg run`")
    rows = {row["name"]: row for row in read_csv(file)}
    missing = [s.name for s in samples if not rows.get(s.name, {}).get("confidence")]
    if missing:
        raise UserError(
            f"{file}: expected a confidence for each mask, got none for {len(missing)} of {len(samples)}, "
            f"the first of them {missing[0]!r}. Run `camseg run` again"
        )
    # The table of predictions has no column `corrected`.
    return [
        MaskConfidence(float(row["confidence"]), row.get("corrected") == "1")
        for row in (rows[sample.name] for sample in samples)
    ]
