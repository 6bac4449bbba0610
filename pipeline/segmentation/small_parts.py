"""Parts of a mask that are too small to be meant."""

import numpy as np

from pipeline.data.images import IGNORE, Mask
from pipeline.formats.outlines import region_parts


def without_small_parts(mask: Mask, pixels: float, *, background: bool) -> Mask:
    """The mask uint8 (H, W) without connected parts of classes of fewer than `pixels`.

    They become background; in data without background, 255. Pixels that touch at a corner are connected.
    """
    result = mask.copy()
    for label_id in np.unique(mask[(mask > 0) & (mask < IGNORE)]):
        for part, left, top in region_parts(mask == label_id, corners=True):
            if part.sum() < pixels:
                height, width = part.shape
                result[top : top + height, left : left + width][part] = 0 if background else IGNORE
    return result
