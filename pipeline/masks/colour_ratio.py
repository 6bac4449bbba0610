"""The colours of small objects: how much more often the heat has them than what is around and other images.

What occurs everywhere in the heat, as a leaf around its spots, occurs there without the class too and cancels
out (Menon et al. 2015, ICML, on learning from corrupted binary labels). The colours of the object remain.
"""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.special import expit

from pipeline.data.arrays import Heatmaps
from pipeline.data.images import ImageArray

BINS = 16  # for each of L, a and b
LOWEST = np.array([0, -60, -60], np.float32)  # of the binned part of CIE Lab
WIDTH = np.array([100, 120, 120], np.float32)
BLUR = 0.7  # bins; neighbouring colours share their counts
FLOOR = 1e-6  # share of a colour that was never seen
FALSE_AREAS = 0.003, 0.03, 0.1  # of the area found, in images without the class
LEAST_AREA = 0.04  # of the warm region: less is no object

Colours = NDArray[np.uint16]  # (H, W), numbers of bins
ColourCounts = NDArray[np.float64]  # (..., BINS**3), pixels or shares of them


def colours_of(image: ImageArray) -> Colours:
    """The number of each pixel's colour, in [0, BINS**3)."""
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    bins = (np.asarray(lab, np.float32) - LOWEST) / WIDTH * BINS
    light, a, b = np.moveaxis(np.clip(bins, 0, BINS - 1).astype(np.uint16), -1, 0)
    return np.asarray((light * BINS + a) * BINS + b, np.uint16)


def log_ratio(hot: ColourCounts, around: ColourCounts, without: ColourCounts) -> ColourCounts:
    """The log odds of each colour among hot pixels, against the others, float64 (BINS**3,).

    Args:
        hot: counts of pixels inside the heat.
        around, without: of those far from it, and of images without the class; both count half.
    """
    others = (_shares(around) + _shares(without)) / 2
    return np.asarray(np.log(_shares(hot) / others))


def ratio_threshold(
    ratios: ColourCounts,
    warm: ColourCounts,
    without: ColourCounts,
    false_areas: Sequence[float] = FALSE_AREAS,
) -> float | None:
    """The lowest log odds above which images without the class have next to nothing of what is found.

    That is the first of `false_areas` that leaves `LEAST_AREA`; None where none does: colours do not tell.

    Args:
        ratios: of the colours, (...).
        warm: counts in the warm region of images that `ratios` did not see, of the same shape.
        without: in images without the class, where heat would lie.
        false_areas: shares of the area found, rising.
    """
    if not without.sum():
        return None
    levels, place = np.unique(ratios, return_inverse=True)
    found, false = (_above(counts, place.ravel(), len(levels)) for counts in (warm, without))
    told = (levels[(false <= share * found) & (found >= LEAST_AREA)] for share in false_areas)
    return next((float(some[0]) for some in told if len(some)), None)


def colour_heat(
    heatmaps: Heatmaps, colours: Colours, ratios: ColourCounts, thresholds: NDArray[np.float64], warm: float
) -> Heatmaps:
    """Probabilities of the P classes by their colours, 0 where their heat is not above `warm`: (P, H, W).

    At its threshold (P,) the log odds `ratios` (P, BINS**3) of a class become 0.5.
    """
    probabilities = expit(ratios - thresholds[:, None]).astype(np.float32)
    return np.where(heatmaps > warm, probabilities[:, colours], np.float32(0))


def _shares(counts: ColourCounts) -> ColourCounts:
    smooth = gaussian_filter(counts.reshape(BINS, BINS, BINS).astype(np.float64), BLUR).ravel()
    return np.asarray(smooth / max(smooth.sum(), 1e-12) + FLOOR)


def _above(counts: ColourCounts, place: NDArray[np.intp], levels: int) -> ColourCounts:
    """The share of the counts at each level or above it."""
    at = np.bincount(place, counts.ravel(), levels)
    return np.asarray(at[::-1].cumsum()[::-1] / max(counts.sum(), 1e-12))
