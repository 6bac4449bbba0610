"""The threshold at which heat has the outlines that follow the images best."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.parallel import in_blocks, parallel_map
from pipeline.base.spaced import spaced
from pipeline.data.manifest import Manifest, Sample
from pipeline.evaluation.means import mean_present
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.outline_slope import LEAST, outline_slopes
from pipeline.masks.threshold import upsample
from pipeline.masks.threshold_sweep import THRESHOLDS, Grid

OUTLINED = 100  # images whose outlines are looked at


def steepest(heatmaps: Path, manifest: Manifest, least: float) -> tuple[float, float]:
    """The threshold of at least `least` with the steepest outlines, and how many times as steep as at `least`.

    (`least`, 1) where `least` has no outlines.
    """
    grid = np.array([least, *(threshold for threshold in THRESHOLDS if threshold > least)])
    slopes = mean_slopes(heatmaps, manifest, grid)
    if np.isnan(slopes[0]):
        return least, 1.0
    index = int(np.nanargmax(slopes))
    return float(grid[index]), float(slopes[index] / max(slopes[0], LEAST))


def mean_slopes(heatmaps: Path, manifest: Manifest, grid: Grid) -> NDArray[np.float64]:
    """The mean of `outline_slopes` over up to `OUTLINED` labelled training images, (T,); NaN without any."""
    samples = spaced([sample for sample in manifest.split("train") if sample.labels], OUTLINED)
    slopes = partial(_slopes, heatmaps, manifest.without_samples(), grid)
    of_blocks = parallel_map(slopes, in_blocks(samples), description="outlines")
    return np.array([mean_present(of_threshold) for of_threshold in np.concatenate(of_blocks).T])


def _slopes(heatmaps: Path, manifest: Manifest, grid: Grid, samples: Sequence[Sample]) -> NDArray[np.float64]:
    """The slopes of each sample, (N, T)."""
    store, slopes = HeatmapStore(heatmaps), []
    for sample in samples:
        image = manifest.image(sample)
        heat = upsample(store.read(sample), (image.shape[0], image.shape[1]))
        slopes.append(outline_slopes(image, heat, grid))
    return np.stack(slopes)
