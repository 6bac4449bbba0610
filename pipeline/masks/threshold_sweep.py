"""The confusion of heatmaps at every threshold, in one pass over the pixels, and the best threshold."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.arrays import ClassIndices, Heatmaps
from pipeline.data.images import IGNORE, Mask
from pipeline.errors import UserError
from pipeline.evaluation.confusion import Counts, check_ids, mean_iou
from pipeline.masks.threshold import label_ids

Grid = NDArray[np.floating[Any]]  # (T,) ascending thresholds in (0, 1)

THRESHOLDS: Grid = np.arange(1, 50) / 50  # 0.02, 0.04 ... 0.98


def confusion_by_threshold(
    ground_truth: Mask, heatmaps: Heatmaps, classes: ClassIndices, label_count: int, grid: Grid = THRESHOLDS
) -> Counts:
    """Confusion of `mask_at_threshold(heatmaps, classes, t)` for each t in `grid`, int64 (T, L, L).

    Only the strongest map and the thresholds below it matter at a pixel. So pixels are counted by
    (thresholds below, ground truth, strongest class), and cumulated over the thresholds.

    Ground truth and `label_count` are as for `confusion_matrix`. P may be 0.

    Raises:
        ValueError: shapes differ, or an id or a class is out of range.
    """
    ids = label_ids(heatmaps, classes)
    check_ids("class", ids, label_count)
    if ground_truth.shape != heatmaps.shape[1:]:
        raise ValueError(
            f"Expected ground truth of the heatmaps' size {heatmaps.shape[1:]}, got {ground_truth.shape}"
        )
    scored = ground_truth != IGNORE
    rows = check_ids("ground truth", ground_truth[scored], label_count)
    peak, winner = strongest(heatmaps)
    below = thresholds_below(peak[scored], grid)  # 0..T
    cells = (below * label_count + rows) * len(ids) + winner[scored]
    shape = len(grid) + 1, label_count, len(ids)
    count = np.bincount(cells, minlength=int(np.prod(shape))).astype(np.int64).reshape(shape)
    # Threshold i lies below the peak of the pixels that have more than i thresholds below.
    foreground = count[::-1].cumsum(axis=0)[::-1][1:]
    confusion = np.zeros((len(grid), label_count, label_count), np.int64)
    confusion[:, :, ids] = foreground
    confusion[:, :, 0] = count.sum(axis=(0, 2)) - foreground[:, :, 1:].sum(axis=2)
    return confusion


def best_threshold(counts: Counts, grid: Grid = THRESHOLDS) -> float:
    """The threshold of `grid` with the best mIoU; the lowest of equal ones.

    `counts` is the sum of `confusion_by_threshold` over the images.

    Raises:
        UserError: no pixel is scored.
    """
    if not counts.any():
        raise UserError(
            "expected pixels to choose a threshold with, got ignored ones (255) only: these masks say "
            "nothing. Mend them, or take `auto` as pseudo_masks.threshold"
        )
    return round(float(grid[np.nanargmax([mean_iou(confusion) for confusion in counts])]), 2)


def strongest(heatmaps: Heatmaps) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The largest value of each pixel, float32 (H, W), and 1 + the index of its map; 0 where all are 0."""
    peak = np.zeros(heatmaps.shape[1:], np.float32)
    winner = np.zeros(heatmaps.shape[1:], np.intp)
    for index, heatmap in enumerate(heatmaps, start=1):
        winner[heatmap > peak] = index  # strictly: the first of equal maps wins, as in `mask_at_threshold`
        np.maximum(peak, heatmap, out=peak)
    return peak, winner


def thresholds_below(peak: NDArray[np.float32], grid: Grid) -> NDArray[np.intp]:
    """How many thresholds of `grid` lie below each value, 0..T; float32, as in `mask_at_threshold`."""
    return np.searchsorted(grid.astype(np.float32), peak, side="left")
