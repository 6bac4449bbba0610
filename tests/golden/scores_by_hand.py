"""What `SlantedNet` says of an image, and scores of masks, pixel by pixel and without the pipeline."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.golden.nets_by_hand import resize
from tests.golden.segmentation_stub import DETECTORS, MEAN, STD, sharpness, slant

Pair = tuple[np.ndarray, np.ndarray]  # ground truth and prediction


def logits_by_hand(image: np.ndarray, long_side: int) -> np.ndarray:
    """float64 (L, h, w) of the image at this long side, with an edge up to a multiple of 32."""
    factor = long_side / max(image.shape[:2])
    height, width = (round(side * factor) for side in image.shape[:2])
    small = resize(image.transpose(2, 0, 1) / 255, (height, width), antialias=True)
    padded = np.pad(small, ((0, 0), (0, -height % 32), (0, -width % 32)), mode="edge")
    colours = (padded - MEAN[:, None, None]) / STD[:, None, None]
    logits = np.tensordot(DETECTORS[:, :3], colours, 1) + DETECTORS[:, 3, None, None]
    logits[1] += slant(padded.shape[2])
    return logits[:, :height, :width] * sharpness(padded.shape[2])


def views_by_hand(image: np.ndarray, sides: Sequence[int]) -> list[np.ndarray]:
    """The logits of the image and of its mirror image at each of the long sides, upright, at its size."""
    views = []
    for side in sides:
        straight = logits_by_hand(image, side)
        mirrored = logits_by_hand(image[:, ::-1], side)[:, :, ::-1]
        views += [resize(result, image.shape[:2], antialias=False) for result in (straight, mirrored)]
    return views


def softmax(logits: np.ndarray) -> np.ndarray:
    powers = np.exp(logits - logits.max(0))
    return powers / powers.sum(0)


def scores_by_hand(pairs: Sequence[Pair], names: Sequence[str], width: float) -> dict[str, Any]:
    """What `metrics.json` should hold, summed over all images and then divided.

    Args:
        names: of the labels, background first.
        width: of the boundary band, share of the image's diagonal.
    """
    ious = [iou([(t[t != 255] == i, p[t != 255] == i) for t, p in pairs]) for i in range(len(names))]
    bands = [
        iou(
            [
                (band(t == i, band_width(t, width)), band((p == i) & (t != 255), band_width(t, width)))
                for t, p in pairs
            ]
        )
        for i in range(1, len(names))
    ]
    return {
        "miou": mean(ious),
        "iou_per_class": dict(zip(names, ious, strict=True)),
        "boundary_iou": mean(bands),
    }


def iou(pairs: Sequence[Pair]) -> float | None:
    """Pixels in both over pixels in either, of all images; None without any."""
    either = sum(int((one | other).sum()) for one, other in pairs)
    return sum(int((one & other).sum()) for one, other in pairs) / either if either else None


def mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def band_width(mask: np.ndarray, width: float) -> int:
    """Pixels of the band."""
    return max(1, round(width * (mask.shape[0] ** 2 + mask.shape[1] ** 2) ** 0.5))


def band(region: np.ndarray, pixels: int) -> np.ndarray:
    """The pixels of a region with something outside of it, or of the image, within so many pixels around."""
    padded = np.pad(region, pixels)
    result = np.zeros_like(region)
    for row, column in np.argwhere(region):
        result[row, column] = not padded[row : row + 2 * pixels + 1, column : column + 2 * pixels + 1].all()
    return result
