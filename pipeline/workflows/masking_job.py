"""What masks are made of: heatmaps at a threshold, and where they lie."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.data.manifest import Manifest
from pipeline.masks.threshold import Normalisation, normalised_scores
from pipeline.params import PseudoMaskParams


@dataclass(frozen=True)
class ThresholdedHeat:
    """Heatmaps and the background score that they compete with."""

    folder: Path  # of `HeatmapStore`
    threshold: float  # in use: given or chosen
    normalise: Normalisation = normalised_scores  # how heat and threshold become probabilities


@dataclass(frozen=True)
class MaskingJob:
    """What the workers need besides the sample: paths and values, no arrays."""

    manifest: Manifest
    heat: ThresholdedHeat  # what the masks are made of
    judge: ThresholdedHeat  # what their confidence comes from: what two opinions share is sure
    work: Path  # for unfinished work
    params: PseudoMaskParams
