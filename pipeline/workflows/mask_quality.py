"""The quality of masks that is known without ground truth: confidence, and the share of ignored pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class MaskQuality:
    """The quality of one published mask, measured without ground truth."""

    confidence: float  # in [0, 1], see `mask_confidence`
    ignored: float  # share of its pixels with the id 255


def summarise_quality(qualities: Sequence[MaskQuality]) -> dict[str, float | None]:
    """Means over the masks; null where there are none."""
    if not qualities:
        return {"confidence": None, "ignored": None}
    return {
        "confidence": float(np.mean([quality.confidence for quality in qualities])),
        "ignored": float(np.mean([quality.ignored for quality in qualities])),
    }
