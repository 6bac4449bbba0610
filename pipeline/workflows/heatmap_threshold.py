"""A method's heatmaps and their threshold: taken from the params, or chosen over all training images."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

from pipeline import paths
from pipeline.base.parallel import in_blocks, parallel_stream
from pipeline.base.work_folder import once
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import has_mask, load_mask
from pipeline.engine.processes import group
from pipeline.errors import UserError
from pipeline.heatmaps.evidence import read_evidence
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.area_threshold import area_threshold
from pipeline.masks.otsu_threshold import POWER, Histogram, heat_histogram, otsu
from pipeline.masks.threshold import upsample
from pipeline.masks.threshold_sweep import THRESHOLDS, best_threshold, confusion_by_threshold
from pipeline.params import ObjectSize, PseudoMaskParams
from pipeline.workflows.pseudo_mask_job import ThresholdedHeat
from pipeline.workflows.steepest_outlines import steepest

# The steepest outlines of sets of large objects are up to 1.5 times as steep as those at Otsu's threshold, of
# sets of small objects at least 2 times: docs/results.md.
MUCH_STEEPER = 1.75


class Candidates(NamedTuple):
    """Thresholds that are found without masks, to 4 digits."""

    otsu: float
    least: float  # Otsu's, or of small objects the one at which heat covers their area, if that is higher
    steepest: float  # at least `least`
    times: float  # how many times as steep as at `least` its outlines are
    small: bool  # whether the evidence says that objects are small

    @property
    def auto(self) -> float:
        """What `pseudo_masks.threshold: auto` takes where no person says that objects are large."""
        return self.steepest if self.small or self.times >= MUCH_STEEPER else self.otsu


def thresholded_heatmaps(
    method: str, params: PseudoMaskParams, manifest: Manifest, objects: ObjectSize, work: Path
) -> ThresholdedHeat:
    """The heatmaps of a method, with the threshold by `pseudo_masks.threshold`.

    Data without background need no threshold.

    Args:
        objects: `heatmaps.objects`.
        work: keeps a threshold that is chosen: for that, all heatmaps are read.

    Raises:
        UserError: all heat has one level, or there is no corrected mask for `calibrated`.
    """
    heatmaps, samples = paths.HEATMAPS / method, manifest.split("train")
    if not manifest.background:
        return ThresholdedHeat(heatmaps, None)
    match params.threshold:
        case "auto":
            find = partial(chosen, heatmaps, manifest, objects, work)
        case "calibrated":
            find = partial(calibrated, heatmaps, samples, len(manifest.classes) + 1)
        case number:
            return ThresholdedHeat(heatmaps, number)
    return ThresholdedHeat(heatmaps, group().by_first(lambda: once(work / "threshold.json", find)))


def chosen(heatmaps: Path, manifest: Manifest, objects: ObjectSize, work: Path) -> float:
    """The threshold `auto`: Otsu's; the one with the steepest outlines for small objects, or if much steeper.

    Raises:
        UserError: all heat has one level.
    """
    if objects == "large":
        return round(otsu(pooled_histogram(heatmaps, manifest.split("train")), POWER), 4)
    return kept_candidates(heatmaps, manifest, work).auto


def kept_candidates(heatmaps: Path, manifest: Manifest, work: Path) -> Candidates:
    """`candidate_thresholds`, found once for a work folder."""
    return Candidates(*once(work / "candidates.json", lambda: candidate_thresholds(heatmaps, manifest)))


def candidate_thresholds(heatmaps: Path, manifest: Manifest) -> Candidates:
    """What the levels of heat and its outlines say, over all training images.

    The area of small objects is counted in cells, so it is too large for objects of few cells. It bounds the
    threshold from below, and the images say how far above it lies.

    Raises:
        UserError: all heat has one level.
    """
    histogram, evidence = pooled_histogram(heatmaps, manifest.split("train")), read_evidence(heatmaps)
    by_otsu, small = otsu(histogram, POWER), evidence is not None and evidence.small
    least = max(by_otsu, area_threshold(histogram, evidence.area)) if evidence and small else by_otsu
    found = steepest(heatmaps, manifest, least)
    by_otsu, least, by_outlines = (round(value, 4) for value in (by_otsu, least, found.threshold))
    return Candidates(by_otsu, least, by_outlines, found.times, small)


def pooled_histogram(heatmaps: Path, samples: Sequence[Sample]) -> Histogram:
    """Levels of the strongest heatmap at all pixels of all samples, int64 (256,)."""
    blocks = in_blocks(samples)
    of_blocks = parallel_stream(partial(_block_histogram, heatmaps), blocks, description="threshold")
    return sum(of_blocks, np.zeros(256, np.int64))


def _block_histogram(heatmaps: Path, samples: Sequence[Sample]) -> Histogram:
    store = HeatmapStore(heatmaps)
    return sum((heat_histogram(store.read(s)) for s in samples), np.zeros(256, np.int64))


def calibrated(heatmaps: Path, samples: Sequence[Sample], labels: int) -> float:
    """The threshold with the best mIoU of the heatmaps on the corrected samples; the lowest of equal ones."""
    corrected = [sample for sample in samples if has_mask(paths.CORRECTED, sample)]
    if not corrected:
        raise UserError(
            f"pseudo_masks.threshold: expected corrected masks for `calibrated`, got none in "
            f"{paths.CORRECTED}. Add some with `camseg corrections add`, or take `auto`"
        )
    store = HeatmapStore(heatmaps)
    counts = np.zeros((len(THRESHOLDS), labels, labels), np.int64)
    for sample in corrected:
        ground_truth = load_mask(paths.CORRECTED, sample)
        heat = upsample(store.read(sample), (sample.height, sample.width))
        counts += confusion_by_threshold(ground_truth, heat, np.array(sample.labels, int), labels)
    return best_threshold(counts)
