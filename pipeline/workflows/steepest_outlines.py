"""The threshold at which heat has the outlines that follow the images best."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

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


class Steepest(NamedTuple):
    """A threshold, and how steep its outlines are."""

    threshold: float
    times: float  # as steep as those of the least threshold


def steepest(heatmaps: Path, manifest: Manifest, least: float) -> Steepest:
    """The threshold of at least `least` with the steepest outlines; `least` itself where it has none."""
    grid = np.array([least, *(threshold for threshold in THRESHOLDS if threshold > least)])
    slopes = mean_slopes(heatmaps, manifest, grid)
    if np.isnan(slopes[0]):
        return Steepest(least, 1.0)
    index = int(np.nanargmax(slopes))
    return Steepest(float(grid[index]), float(slopes[index] / max(slopes[0], LEAST)))


def mean_slopes(heatmaps: Path, manifest: Manifest, grid: Grid) -> NDArray[np.float64]:
    """The mean of `outline_slopes` over up to `OUTLINED` training images with labels, (T,).

    NaN at a threshold at which less than half of them have an outline.
    """
    samples = spaced([sample for sample in manifest.split("train") if sample.labels], OUTLINED)
    of_blocks = partial(_slopes, heatmaps, manifest.without_samples(), grid)
    slopes = np.concatenate(parallel_map(of_blocks, in_blocks(samples), description="outlines"))
    outlined = 2 * (~np.isnan(slopes)).sum(axis=0) >= len(samples)
    return np.where(outlined, [mean_present(of_threshold) for of_threshold in slopes.T], np.nan)


def _slopes(heatmaps: Path, manifest: Manifest, grid: Grid, samples: Sequence[Sample]) -> NDArray[np.float64]:
    """The slopes of each sample, (N, T)."""
    store, slopes = HeatmapStore(heatmaps), []
    for sample in samples:
        image = manifest.image(sample)
        heat = upsample(store.read(sample), (image.shape[0], image.shape[1]))
        slopes.append(outline_slopes(image, heat, grid))
    return np.stack(slopes)
