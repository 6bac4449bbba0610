"""The confidence of a mask, without a ground-truth mask to compare it with."""

import numpy as np
from numpy.typing import NDArray

from pipeline.data.arrays import ClassIndices, Probabilities, StoredHeatmaps
from pipeline.data.images import IGNORE, Mask
from pipeline.masks.threshold import Normalisation, label_ids, normalised_scores, upsample


def mask_confidence(mask: Mask, probabilities: Probabilities, ids: Mask) -> float:
    """Mean over the foreground labels of the mean probability of a label where the mask has it; in [0, 1].

    A label without a pixel counts 0: it should be in the image and was not found. Pixels left open (255)
    belong to no label and do not count. The mean over labels, not over pixels, keeps a small object from
    being outvoted by a large one. The background is easy and says little: it counts only where it is alone.

    Args:
        mask: uint8 (H, W).
        probabilities: float32 (P, H, W) in [0, 1] of the ids, e.g. `normalised_scores` of heatmaps.
        ids: uint8 (P,) distinct; 0 is the background.

    Returns:
        0.0 where no label is left to average, as in a mask of open pixels alone.

    Raises:
        ValueError: the shapes do not fit, or the mask has an id that is neither in `ids` nor 255.
    """
    if probabilities.shape != (len(ids), *mask.shape):
        raise ValueError(f"Expected {len(ids)} x {mask.shape} probabilities, got {probabilities.shape}")
    unknown = sorted(set(np.unique(mask).tolist()) - {*ids.tolist(), IGNORE})
    if unknown:
        raise ValueError(f"Expected the ids {ids.tolist()} or 255 in the mask, got {unknown}")
    means = {int(i): _mean(p[mask == i]) for i, p in zip(ids, probabilities, strict=True)}
    counted = [mean for i, mean in means.items() if i] or list(means.values())
    return sum(counted) / len(counted) if counted else 0.0


def heat_confidence(
    mask: Mask,
    stored: StoredHeatmaps,
    classes: ClassIndices,
    threshold: float,
    normalise: Normalisation = normalised_scores,
) -> float:
    """`mask_confidence` by heatmaps, whose probabilities are those of `normalise`.

    Args:
        mask: uint8 (H, W).
        stored: uint8 (P, h, w), heat * 255.
        classes: (P,) distinct class indices.
        threshold: the background score in (0, 1).

    Raises:
        ValueError: see `mask_confidence`, `label_ids` and `normalise`.
    """
    heat = upsample(stored, (mask.shape[0], mask.shape[1]))
    return mask_confidence(mask, normalise(heat, threshold), label_ids(heat, classes))


def _mean(values: NDArray[np.float32]) -> float:
    return float(values.mean(dtype=np.float64)) if len(values) else 0.0
