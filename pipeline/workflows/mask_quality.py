"""The quality of masks that is known without ground truth: confidence, and the share of ignored pixels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.data.images import IGNORE
from pipeline.data.manifest import Sample, load_mask
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.confidence import heat_confidence
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob


@dataclass(frozen=True)
class MaskQuality:
    """The quality of one published mask, measured without ground truth."""

    confidence: float  # in [0, 1], see `mask_confidence`
    ignored: float  # share of its pixels with the id 255


def mask_quality(job: PseudoMaskJob, sample: Sample) -> MaskQuality:
    """The quality of one published mask; its confidence comes from the heatmaps of `job.judge`."""
    mask, judge = load_mask(job.work / "masks", sample), job.judge
    stored = HeatmapStore(judge.folder).read(sample)
    confidence = heat_confidence(mask, stored, np.array(sample.labels, int), judge.threshold, judge.normalise)
    return MaskQuality(confidence, float((mask == IGNORE).mean()))


def summarise_quality(qualities: Sequence[MaskQuality]) -> dict[str, float | None]:
    """Means over the masks; null where there are none."""
    if not qualities:
        return {"confidence": None, "ignored": None}
    return {
        "confidence": float(np.mean([quality.confidence for quality in qualities])),
        "ignored": float(np.mean([quality.ignored for quality in qualities])),
    }
