"""A method's heatmaps and their threshold: taken from the params, or chosen over all training images."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np

from pipeline import paths
from pipeline.base.parallel import in_blocks, parallel_stream
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
from pipeline.params import PseudoMaskParams
from pipeline.workflows.pseudo_mask_job import ThresholdedHeat


def thresholded_heatmaps(method: str, params: PseudoMaskParams, manifest: Manifest) -> ThresholdedHeat:
    """The heatmaps of a method, with the threshold by `pseudo_masks.threshold`.

    Data without background need no threshold.

    Raises:
        UserError: all heat has one level, or there is no corrected mask for `calibrated`.
    """
    heatmaps, samples = paths.HEATMAPS / method, manifest.split("train")
    if not manifest.background:
        return ThresholdedHeat(heatmaps, None)
    match params.threshold:
        case "auto":
            threshold = group().by_first(lambda: chosen(heatmaps, samples))
        case "calibrated":
            threshold = group().by_first(lambda: calibrated(heatmaps, samples, len(manifest.classes) + 1))
        case number:
            threshold = number
    return ThresholdedHeat(heatmaps, threshold)


def chosen(heatmaps: Path, samples: Sequence[Sample]) -> float:
    """The threshold `auto`: Otsu's; for small objects where heat covers their area, if that is higher.

    Raises:
        UserError: all heat has one level.
    """
    by_otsu, *by_area = candidate_thresholds(heatmaps, samples)
    evidence = read_evidence(heatmaps)
    return max(by_otsu, *by_area) if evidence is not None and evidence.small else by_otsu


def candidate_thresholds(heatmaps: Path, samples: Sequence[Sample]) -> list[float]:
    """Otsu's threshold, and where evidence was measured the one at which heat covers its area; to 4 digits.

    Raises:
        UserError: all heat has one level.
    """
    histogram, evidence = pooled_histogram(heatmaps, samples), read_evidence(heatmaps)
    by_area = [area_threshold(histogram, evidence.area)] if evidence is not None and evidence.area else []
    return [round(threshold, 4) for threshold in (otsu(histogram, POWER), *by_area)]


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
