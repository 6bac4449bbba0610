"""How much a region differs in colour from what lies around it: no ground truth takes part."""

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.data.images import ImageArray

RING = 0.03  # width of what lies around a region, share of the diagonal
LEAST_SPREAD = 1.0  # of colours in CIE Lab: regions of one colour differ by no more than they are told apart


def region_contrast(image: ImageArray, region: NDArray[np.bool_]) -> float:
    """The distance of the mean colours (CIE Lab) inside a region and around it, divided by their spread.

    NaN where nothing is inside or around. Outlines that follow objects tell their colours from those around;
    outlines that lie beside objects mix them.

    Args:
        region: of all objects of the image, (H, W).
    """
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    width = max(1, round(RING * float(np.hypot(*region.shape))))
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    around = (cv2.dilate(region.astype(np.uint8), kernel) > 0) & ~region
    if not region.any() or not around.any():
        return float("nan")
    # Not in float32: numpy adds the pixels of an axis one by one, and sums of millions lose their digits.
    first, second = (np.asarray(lab[part], np.float64) for part in (region, around))
    spread = np.sqrt((first.var(axis=0).sum() + second.var(axis=0).sum()) / 2)
    distance = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
    return float(distance / max(float(spread), LEAST_SPREAD))
