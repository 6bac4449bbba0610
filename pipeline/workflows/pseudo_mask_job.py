"""What a worker needs to make pseudo-masks: heatmaps, their threshold, and the work folder."""

from dataclasses import dataclass
from pathlib import Path

from pipeline.data.manifest import Manifest
from pipeline.masks.threshold import Normalisation, Threshold, normalised_scores
from pipeline.params import PseudoMaskParams


@dataclass(frozen=True)
class ThresholdedHeat:
    """Heatmaps and the threshold that they compete with."""

    folder: Path  # of `HeatmapStore`
    threshold: Threshold  # from the params, or chosen
    normalise: Normalisation = normalised_scores  # how heat and threshold become probabilities


@dataclass(frozen=True)
class PseudoMaskJob:
    """What a worker needs besides the sample: paths and values, no arrays."""

    manifest: Manifest
    heat: ThresholdedHeat  # what the masks are made of
    judge: ThresholdedHeat  # what their confidence comes from: a second opinion in self-training
    work: Path  # for unfinished work
    params: PseudoMaskParams
    colours: Path | None = None  # of `learn_colours`, for `pseudo_masks.refine: colours`
    pixels: Path | None = None  # of `learn_pixels`, for `pseudo_masks.refine: pixels`
    tiles: int = 1  # along the longer side of an image, for the CRF
