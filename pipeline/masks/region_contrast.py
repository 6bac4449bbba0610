"""How much the regions of a mask differ in colour from what lies around them: no ground truth takes part."""

import cv2
import numpy as np

from pipeline.data.images import ImageArray, Mask

RING = 0.03  # width of what lies around a region, share of the diagonal
LEAST_SPREAD = 1.0  # of colours in CIE Lab: regions of one colour differ by no more than they are told apart


def region_contrast(image: ImageArray, mask: Mask, labels: tuple[int, ...]) -> float:
    """The distance of the mean colours inside and around the region of each label, by their spread: the mean.

    NaN where no label has a region with something around it. Outlines that follow an object tell its colours
    from those around; outlines that lie beside it mix them.

    Args:
        mask: uint8 (H, W), id 0 is the background.
        labels: of the image, indices from 0.
    """
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    width = max(1, round(RING * float(np.hypot(*mask.shape))))
    kernel = np.ones((2 * width + 1, 2 * width + 1), np.uint8)
    contrasts = []
    for label in labels:
        inside = mask == label + 1
        around = (cv2.dilate(inside.astype(np.uint8), kernel) > 0) & ~inside
        if inside.any() and around.any():
            first, second = lab[inside], lab[around]
            spread = np.sqrt((first.var(axis=0).sum() + second.var(axis=0).sum()) / 2)
            distance = np.linalg.norm(first.mean(axis=0) - second.mean(axis=0))
            contrasts.append(distance / max(float(spread), LEAST_SPREAD))
    return float(np.mean(contrasts)) if contrasts else float("nan")
