"""What the table says that was written when masks were made: their confidence, and labels without a pixel."""

from collections.abc import Mapping, Sequence
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


def lost_indices(row: Mapping[str, str], classes: Sequence[str]) -> list[int]:
    """The class indices of the labels without a pixel, of a row; a class name may hold the separator."""
    text = row.get("lost_labels") or ""
    return [i for i, name in enumerate(classes) if f";{name};" in f";{text};"]
