"""What masks say of themselves, without ground-truth masks."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.data.images import IGNORE
from pipeline.data.manifest import Sample, load_mask
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.confidence import heat_confidence
from pipeline.workflows.masking_job import MaskingJob


@dataclass(frozen=True)
class MaskQuality:
    """What one published mask says of itself; no ground-truth mask is needed."""

    confidence: float  # in [0, 1], see `mask_confidence`
    ignored: float  # share of its pixels that are left open


def mask_quality(job: MaskingJob, sample: Sample) -> MaskQuality:
    """The confidence of one published mask and its open pixels, by the heatmaps of `job.judge`."""
    mask, judge = load_mask(job.work / "masks", sample), job.judge
    stored = HeatmapStore(judge.folder).read(sample)
    confidence = heat_confidence(mask, stored, np.array(sample.labels, int), judge.threshold, judge.normalise)
    return MaskQuality(confidence, float((mask == IGNORE).mean()))


def summarise_quality(found: Sequence[MaskQuality]) -> dict[str, float | None]:
    """Means over the masks; null where there are none."""
    if not found:
        return {"confidence": None, "ignored": None}
    return {
        "confidence": float(np.mean([quality.confidence for quality in found])),
        "ignored": float(np.mean([quality.ignored for quality in found])),
    }
