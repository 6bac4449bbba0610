"""The threshold of a method's heatmaps: taken from the params, or chosen over all training images."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline import paths
from pipeline.data.manifest import Sample, load_mask, mask_path
from pipeline.errors import UserError
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.auto import POWER, Histogram, heat_histogram, otsu
from pipeline.masks.sweep import THRESHOLDS, best_threshold, sweep
from pipeline.masks.threshold import upsample
from pipeline.params import PseudoMaskParams


def find_threshold(params: PseudoMaskParams, heatmaps: Path, samples: Sequence[Sample], labels: int) -> float:
    """The threshold in (0, 1) by `pseudo_masks.threshold`; the same heatmaps give the same threshold.

    Args:
        heatmaps: a folder of `HeatmapStore`.
        samples: all training images.
        labels: L, background included.

    Raises:
        UserError: all heat has one level, or there is no corrected mask for `calibrated`.
    """
    match params.threshold:
        case "auto":
            return round(otsu(pooled_histogram(heatmaps, samples), POWER), 4)
        case "calibrated":
            return calibrated(heatmaps, samples, labels)
        case number:
            return number


def pooled_histogram(heatmaps: Path, samples: Sequence[Sample]) -> Histogram:
    """Levels of the strongest heatmap at all pixels of all samples, int64 (256,)."""
    store = HeatmapStore(heatmaps)
    histogram: Histogram = sum((heat_histogram(store.read(s)) for s in samples), np.zeros(256, np.int64))
    return histogram


def calibrated(heatmaps: Path, samples: Sequence[Sample], labels: int) -> float:
    """The threshold with the best mIoU of the heatmaps on the corrected samples; the lowest of equal ones."""
    corrected = [sample for sample in samples if mask_path(paths.CORRECTED, sample).exists()]
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
        counts += sweep(ground_truth, heat, np.array(sample.labels, int), labels)
    return best_threshold(counts)
