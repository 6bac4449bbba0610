"""What all refiners of masks share: checked probabilities, and a size at which large images are solved."""

from collections.abc import Callable

import cv2
import numpy as np
import torch
from torch.nn import functional

from pipeline.data.arrays import Probabilities
from pipeline.data.images import ImageArray

Refiner = Callable[[ImageArray, Probabilities], Probabilities]  # image and (P + 1, H, W) -> (P + 1, H, W)


def normalised_input(image: ImageArray, probabilities: Probabilities) -> Probabilities:
    """`probabilities` (P + 1, H, W) divided by their sum, float32.

    Raises:
        ValueError: sizes differ, a probability is negative, NaN or infinite, or all are 0 at a pixel.
    """
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ValueError(f"Expected a uint8 image (H, W, 3), got {image.dtype} {image.shape}")
    height, width = image.shape[:2]
    if probabilities.ndim != 3 or not len(probabilities) or probabilities.shape[1:] != (height, width):
        raise ValueError(f"Expected probabilities (P + 1, {height}, {width}), got {probabilities.shape}")
    total = probabilities.sum(axis=0)
    if not (np.isfinite(total).all() and probabilities.min() >= 0 and total.min() > 0):
        raise ValueError("Expected finite probabilities of at least 0, not all 0 at a pixel")
    return np.asarray(probabilities / total, np.float32)


def solve_at(max_side: int, solve: Refiner, image: ImageArray, probabilities: Probabilities) -> Probabilities:
    """`solve` of an image and its probabilities, at a long side of `max_side` at most.

    Larger ones are shrunk (image: area, probabilities: bilinear), and the result is enlarged bilinearly.
    """
    height, width = image.shape[:2]
    share = min(1.0, max_side / max(height, width))
    if share == 1.0:
        return solve(image, probabilities)
    size = max(1, round(height * share)), max(1, round(width * share))
    small = cv2.resize(image, (size[1], size[0]), interpolation=cv2.INTER_AREA)  # cv2: width first
    return _resized(solve(np.asarray(small, np.uint8), _resized(probabilities, size)), (height, width))


def _resized(maps: Probabilities, size: tuple[int, int]) -> Probabilities:
    """Bilinear, by torch: OpenCV stops at 128 channels. Sums of 1 stay sums of 1."""
    resized = functional.interpolate(torch.tensor(maps)[None], size, mode="bilinear", align_corners=False)
    return np.asarray(resized[0].numpy(), np.float32)
