"""Heatmaps against a background threshold: the mask, the ignored band, probabilities for the refiner.

The threshold stands for the background: at each pixel it competes with the heatmaps of the classes in the
image-level labels, and the largest value wins; the background wins ties. In data without background the
threshold is None, and the classes compete among themselves.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pipeline.data.arrays import ClassIndices, Heatmaps, Probabilities, StoredHeatmaps
from pipeline.data.images import IGNORE, Mask

Threshold = float | None  # in (0, 1); None: the data have no background
Normalisation = Callable[[Heatmaps, Threshold], Probabilities]  # of heatmaps and a threshold: (P + 1, H, W)

HALF_LEVEL = 0.5 / 255  # by how much rounding to a stored level changes a value, at most
SMALLEST = 1e-6  # heat of a class that has none, where there is no background
EVEN = 0.5  # threshold of `normalised_odds`: above it a class is more probable than the background
LOWEST, HIGHEST = 0.01, 0.99  # the band never pushes a threshold further out


def upsample(stored: StoredHeatmaps, size: tuple[int, int]) -> Heatmaps:
    """Stored heatmaps at the (height, width) of the image, bilinear; a maximum is not brought back to 1."""
    if not len(stored):
        return np.zeros((0, *size), np.float32)
    small = torch.tensor(stored, dtype=torch.float32)[None]  # a copy: `stored` may be read-only
    heatmaps = functional.interpolate(small, size, mode="bilinear", align_corners=False)[0] / 255
    return np.asarray(heatmaps.numpy(), np.float32)


def label_ids(heatmaps: Heatmaps, classes: ClassIndices, *, background: bool = True) -> Mask:
    """The label ids of [background, heatmaps...], uint8 (P + 1,); (P,) without background.

    Raises:
        ValueError: not one class per map, a class named twice, or an index that leaves no id below 255.
    """
    shape = heatmaps.shape
    if len(shape) != 3 or classes.shape != (len(heatmaps),) or len(np.unique(classes)) != len(classes):
        raise ValueError(f"Expected heatmaps (P, H, W), P distinct classes, got {shape}, {classes.tolist()}")
    if len(classes) and not 0 <= classes.min() <= classes.max() < IGNORE - 1:
        raise ValueError(f"Expected class indices 0..{IGNORE - 2}, got {classes.tolist()}")
    return np.append([0] if background else [], classes + 1).astype(np.uint8)


def mask_at_threshold(heatmaps: Heatmaps, classes: ClassIndices, threshold: Threshold) -> Mask:
    """The id of the largest value in [threshold, heatmaps...], uint8 (H, W), the first of equal values.

    P may be 0; values are compared in float32.
    """
    ids = label_ids(heatmaps, classes, background=threshold is not None)
    return largest(ids, with_background(heatmaps, threshold))


def largest(ids: Mask, values: Probabilities) -> Mask:
    """The id of the largest of the values (L, H, W), the first of equal ones: uint8 (H, W); 255 if L is 0."""
    if not len(ids):
        return np.full(values.shape[1:], IGNORE, np.uint8)
    mask: Mask = ids[np.argmax(values, axis=0)]
    return mask


def uncertain(heatmaps: Heatmaps, threshold: Threshold, band: float) -> NDArray[np.bool_]:
    """The band: where threshold - band < largest value <= threshold + band, bool (H, W).

    Empty for band 0, and in data without background.
    """
    if threshold is None:
        return np.zeros(heatmaps.shape[1:], bool)
    lower, upper = band_limits(threshold, band)
    peak = heatmaps.max(axis=0, initial=0)
    between: NDArray[np.bool_] = (peak > np.float32(lower)) & (peak <= np.float32(upper))
    return between


def band_limits(threshold: float, band: float) -> tuple[float, float]:
    """`threshold -+ band`, held within 0.01 .. 0.99 so that foreground and background both stay possible."""
    lower = max(threshold - band, min(threshold, LOWEST))
    upper = min(threshold + band, max(threshold, HIGHEST))
    return lower, upper


def with_background(heatmaps: Heatmaps, threshold: Threshold) -> Heatmaps:
    """[threshold, heatmaps...]: float32 (P + 1, H, W); the heatmaps alone without a threshold.

    Raises:
        ValueError: the threshold is not in (0, 1).
    """
    if threshold is None:
        return heatmaps.astype(np.float32)
    if not 0 < threshold < 1:
        raise ValueError(f"Expected a threshold in (0, 1), got {threshold}")
    values = np.empty((len(heatmaps) + 1, *heatmaps.shape[1:]), np.float32)
    values[0] = threshold
    values[1:] = heatmaps
    return values


def normalised_scores(heatmaps: Heatmaps, threshold: Threshold) -> Probabilities:
    """[threshold, heatmaps...] divided by its sum: float32 (P + 1, H, W).

    Without background float32 (P, H, W), the same for all classes where none has heat.
    """
    values = with_background(heatmaps, threshold)
    if threshold is None:
        values += SMALLEST
    values /= values.sum(axis=0)
    return values


def normalised_odds(heatmaps: Heatmaps, threshold: Threshold) -> Probabilities:
    """The odds v / (1 - v) of [threshold, heatmaps...], divided by their sum: float32 (P + 1, H, W).

    At the threshold `EVEN` heat that is a probability comes out as it is: the model's own in self-training.
    Half a stored level is added to 1 - v, since the odds of 1 are infinite.
    """
    values = with_background(heatmaps, threshold)
    values /= 1 + HALF_LEVEL - values
    values /= values.sum(axis=0)
    return values
