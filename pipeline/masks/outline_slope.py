"""How steeply colours change across the outlines of heat: no ground truth takes part."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.arrays import Heatmaps
from pipeline.data.images import ImageArray
from pipeline.masks.threshold_sweep import Grid, strongest, thresholds_below

WIDTH = 0.01  # of the smoothing, share of the long side
LEAST = 1e-6  # of a mean slope in CIE Lab per pixel: an image of one colour has none


def outline_slopes(image: ImageArray, heatmaps: Heatmaps, grid: Grid) -> NDArray[np.float64]:
    """The mean slope of the colours across the outline at each threshold, over the mean slope, float64 (T,).

    NaN where a threshold has no outline. The outline are the pixels above the threshold that touch one which
    is not. The slope is the change of the colours (CIE Lab) towards higher heat. An outline that follows an
    object has a higher one than an outline beside it or within it: the edge term of geodesic active contours
    (Caselles, Kimmel and Sapiro 1997, IJCV, doi:10.1023/A:1007979827043), for one family of curves.

    Args:
        heatmaps: at the size of the image, (P, H, W); the strongest counts.
        grid: ascending thresholds.
    """
    peak, _ = strongest(heatmaps)
    slopes = _slopes_along(image, peak)
    touching = np.asarray(cv2.erode(peak, np.ones((3, 3), np.uint8)), np.float32)
    first, end = thresholds_below(touching, grid).ravel(), thresholds_below(peak, grid).ravel()

    def of_outlines(weights: NDArray[np.float64] | None) -> NDArray[np.float64]:
        begun, ended = (np.bincount(edge, weights, len(grid) + 1) for edge in (first, end))
        return np.asarray((begun - ended).cumsum()[:-1], np.float64)

    lengths = of_outlines(None)
    sums = of_outlines(slopes.ravel().astype(np.float64))
    means = np.divide(sums, lengths, out=np.full(len(grid), np.nan), where=lengths > 0)
    return np.asarray(means / max(float(slopes.mean()), LEAST), np.float64)


def _slopes_along(image: ImageArray, peak: NDArray[np.float32]) -> NDArray[np.float32]:
    """The length of the derivative of the colours in the direction of the heat's gradient, (H, W)."""
    width = WIDTH * max(peak.shape)
    lab = np.asarray(cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), np.float32)
    colour_x, colour_y = _gradient(lab, width)
    heat_x, heat_y = _gradient(peak, width)
    norm = np.maximum(np.hypot(heat_x, heat_y), LEAST)
    along = colour_x * (heat_x / norm)[..., None] + colour_y * (heat_y / norm)[..., None]
    return np.asarray(np.linalg.norm(along, axis=2), np.float32)


def _gradient(values: NDArray[np.float32], width: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    smooth = cv2.GaussianBlur(values, (0, 0), width)
    gradients = (cv2.Scharr(smooth, cv2.CV_32F, *axis, scale=1 / 32) for axis in ((1, 0), (0, 1)))
    first, second = gradients
    return np.asarray(first, np.float32), np.asarray(second, np.float32)
