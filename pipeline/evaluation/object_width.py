"""How wide objects are in a mask."""

import cv2
import numpy as np

from pipeline.data.images import Mask


def widest_place(mask: Mask, label_id: int) -> float:
    """The width in pixels of the widest place of an id in a mask uint8 (H, W); NaN where the mask lacks it.

    It is that of the largest circle inside: 2 d - 1, with d the distance from its centre to the nearest pixel
    of something else. A line of an odd number of pixels has this width, one of an even number one pixel less.
    What the frame cuts goes on beyond it. The width is at most the shorter side of the mask.
    """
    inside = (mask == label_id).astype(np.uint8)
    if not inside.any():
        return float("nan")
    shortest = min(mask.shape)
    if inside.all():
        return float(shortest)
    distance = cv2.distanceTransform(inside, cv2.DIST_L2, cv2.DIST_MASK_PRECISE).max()
    return min(2 * float(distance) - 1, float(shortest))
