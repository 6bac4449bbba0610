"""From heatmaps to a label map at one threshold.

The threshold is a constant background score: at each pixel it competes with the heatmaps of the classes that
the image-level labels name, and the largest score wins; the background wins ties.
"""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from pipeline.data.arrays import ClassIndices, Heatmaps, StoredHeatmaps
from pipeline.data.images import IGNORE, Mask

Normalisation = Callable[[Heatmaps, float], Heatmaps]  # heat and threshold -> probabilities (P + 1, H, W)

HALF_LEVEL = 0.5 / 255  # what rounding to a stored level takes off a score, or adds to it, at most
LOWEST, HIGHEST = 0.01, 0.99  # the band never pushes a threshold further out: heat is 0 to 1


def upsample(stored: StoredHeatmaps, size: tuple[int, int]) -> Heatmaps:
    """Resize stored heatmaps to the image, bilinear without aligned corners.

    A map's maximum is not brought back to 1 afterwards.

    Args:
        stored: uint8 (P, h, w), heat * 255; P may be 0.
        size: height and width in pixels.

    Returns:
        float32 (P, H, W) in [0, 1].
    """
    if not len(stored):
        return np.zeros((0, *size), np.float32)
    small = torch.tensor(stored, dtype=torch.float32)[None]  # a copy: `stored` may be read-only
    heat = functional.interpolate(small, size, mode="bilinear", align_corners=False)[0] / 255
    return np.asarray(heat.numpy(), np.float32)


def label_ids(heat: Heatmaps, classes: ClassIndices) -> Mask:
    """The label ids of [background, heatmaps...], uint8 (P + 1,).

    Raises:
        ValueError: not one class per map, a class named twice, or an index that leaves no id below 255.
    """
    if heat.ndim != 3 or classes.shape != (len(heat),) or len(np.unique(classes)) != len(classes):
        raise ValueError(f"Expected heat (P, H, W), P distinct classes, got {heat.shape}, {classes.tolist()}")
    if len(classes) and not 0 <= classes.min() <= classes.max() < IGNORE - 1:
        raise ValueError(f"Expected class indices 0..{IGNORE - 2}, got {classes.tolist()}")
    return np.append(0, classes + 1).astype(np.uint8)


def mask_at_threshold(heat: Heatmaps, classes: ClassIndices, threshold: float) -> Mask:
    """The label of the largest score in [threshold, heat...]; the first of equal scores wins.

    Args:
        heat: float32 (P, H, W) in [0, 1]; P may be 0.
        classes: (P,) distinct class indices.
        threshold: the background score, in (0, 1); compared in float32.

    Returns:
        uint8 (H, W): 0 background, class + 1.
    """
    ids = label_ids(heat, classes)
    labels: Mask = ids[np.argmax(with_background(heat, threshold), axis=0)]
    return labels


def uncertain(heat: Heatmaps, threshold: float, band: float) -> NDArray[np.bool_]:
    """Where threshold - band < largest heat <= threshold + band: bool (H, W); nowhere for a band of 0."""
    lower, upper = band_limits(threshold, band)
    peak = heat.max(axis=0, initial=0)
    between: NDArray[np.bool_] = (peak > np.float32(lower)) & (peak <= np.float32(upper))
    return between


def band_limits(threshold: float, band: float) -> tuple[float, float]:
    """`threshold -+ band`, held within 0.01 .. 0.99 so that foreground and background both stay possible."""
    lower = max(threshold - band, min(threshold, LOWEST))
    upper = min(threshold + band, max(threshold, HIGHEST))
    return lower, upper


def with_background(heat: Heatmaps, threshold: float) -> Heatmaps:
    """[threshold, heat...]: float32 (P + 1, H, W).

    Raises:
        ValueError: the threshold is not in (0, 1).
    """
    if not 0 < threshold < 1:
        raise ValueError(f"Expected a threshold in (0, 1), got {threshold}")
    scores = np.empty((len(heat) + 1, *heat.shape[1:]), np.float32)
    scores[0] = threshold
    scores[1:] = heat
    return scores


def normalised_scores(heat: Heatmaps, threshold: float) -> Heatmaps:
    """[threshold, heat...] divided by its sum: the labels' probabilities, float32 (P + 1, H, W).

    Against `(1 - max heat)^alpha` as background score the constant gave better masks after a dense CRF.
    """
    scores = with_background(heat, threshold)
    scores /= scores.sum(axis=0)
    return scores


def normalised_odds(heat: Heatmaps, threshold: float) -> Heatmaps:
    """The odds s / (1 - s) of [threshold, heat...], divided by their sum: float32 (P + 1, H, W).

    For scores that are probabilities against the background, p_c / (p_c + p_background), as those of a model
    that labels images anew: at the threshold 0.5 these are the model's own probabilities among the labels.
    Half a stored level is added to 1 - s, since the odds of 1 are infinite.
    """
    scores = with_background(heat, threshold)
    scores /= 1 + HALF_LEVEL - scores
    scores /= scores.sum(axis=0)
    return scores
