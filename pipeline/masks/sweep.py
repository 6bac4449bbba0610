"""The confusion of a heatmap at every threshold, in one pass over the pixels."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.arrays import ClassIndices, Heatmaps
from pipeline.data.images import IGNORE
from pipeline.errors import UserError
from pipeline.evaluation.confusion import Counts, check_ids, mean_iou
from pipeline.masks.threshold import label_ids

Grid = NDArray[np.floating[Any]]  # (T,) ascending thresholds in (0, 1)

THRESHOLDS: Grid = np.arange(1, 50) / 50  # 0.02, 0.04 ... 0.98


def sweep(
    ground_truth: NDArray[np.uint8],
    heat: Heatmaps,
    classes: ClassIndices,
    labels: int,
    grid: Grid = THRESHOLDS,
) -> Counts:
    """Confusion of `mask_at_threshold(heat, classes, t)` for every t in `grid`: exactly that, in one pass.

    Only the strongest map and the thresholds below its heat matter at a pixel. So pixels are counted by
    (thresholds below their heat, true label, strongest class), and cumulated over the thresholds.

    Args:
        ground_truth: uint8 (H, W), ids 0..labels - 1, or 255 where a pixel is not scored.
        heat: float32 (P, H, W) in [0, 1]; P may be 0.
        classes: (P,) distinct class indices below labels - 1.
        labels: L, the background counted.
        grid: (T,) ascending thresholds in (0, 1).

    Returns:
        int64 (T, L, L): rows ground truth, columns prediction. Additive over images.

    Raises:
        ValueError: shapes differ, or an id or a class is out of range.
    """
    ids = label_ids(heat, classes)
    check_ids("class", ids, labels)
    if ground_truth.shape != heat.shape[1:]:
        raise ValueError(
            f"Expected ground truth of the heat's size {heat.shape[1:]}, got {ground_truth.shape}"
        )
    scored = ground_truth != IGNORE
    rows = check_ids("ground truth", ground_truth[scored], labels)
    peak, winner = strongest(heat)
    passed = thresholds_below(peak[scored], grid)  # 0..T
    cells = (passed * labels + rows) * len(ids) + winner[scored]
    count = np.bincount(cells, minlength=(len(grid) + 1) * labels * len(ids))
    count = count.astype(np.int64).reshape(len(grid) + 1, labels, len(ids))
    # Threshold i lies below the heat of the pixels that pass more than i thresholds.
    foreground = count[::-1].cumsum(axis=0)[::-1][1:]
    confusion = np.zeros((len(grid), labels, labels), np.int64)
    confusion[:, :, ids] = foreground
    confusion[:, :, 0] = count.sum(axis=(0, 2)) - foreground[:, :, 1:].sum(axis=2)
    return confusion


def best_threshold(counts: Counts, grid: Grid = THRESHOLDS) -> float:
    """The threshold of `grid` with the best mIoU; the lowest of equal ones.

    Args:
        counts: int64 (T, L, L), the sum of `sweep` over images.

    Raises:
        UserError: no pixel is scored.
    """
    if not counts.any():
        raise UserError(
            "expected pixels to choose a threshold with, got open ones (255) only: the masks of these images "
            "say nothing. Mend them, or take `auto` as pseudo_masks.threshold"
        )
    return round(float(grid[np.nanargmax([mean_iou(confusion) for confusion in counts])]), 2)


def strongest(heat: Heatmaps) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The largest heat of each pixel, float32 (H, W), and 1 + the index of its map (0: no heat at all)."""
    peak = np.zeros(heat.shape[1:], np.float32)
    winner = np.zeros(heat.shape[1:], np.intp)
    for index, one in enumerate(heat, start=1):
        winner[one > peak] = index  # strictly: the first of equal maps wins, as in `mask_at_threshold`
        np.maximum(peak, one, out=peak)
    return peak, winner


def thresholds_below(peak: NDArray[np.float32], grid: Grid) -> NDArray[np.intp]:
    """How many thresholds of `grid` lie below each heat, 0..T; float32, as in `mask_at_threshold`."""
    return np.searchsorted(grid.astype(np.float32), peak, side="left")
