"""How far the mIoU of a set would move with other images of the same kind."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.confusion import Counts, divide
from pipeline.evaluation.means import mean_present

DRAWS = 200  # of the bootstrap
FEWEST = 8  # images: fewer do not show how images differ


def iou_parts(confusion: Counts) -> Counts:
    """What the IoU of each label is made of, int64 (3, L): right, true and predicted pixels; they add up."""
    return np.stack([np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)])


def miou_standard_error(images: Sequence[Counts]) -> float:
    """The standard error of the mIoU, in [0, 1]; NaN of fewer than `FEWEST` images.

    The bootstrap (Efron 1979, doi:10.1214/aos/1176344552) draws as many images with replacement. A label that
    none of them shows is left out of this draw's mean. The draws are the same at each call.

    Args:
        images: `iou_parts` of each scored image.
    """
    if len(images) < FEWEST:
        return float("nan")
    rng, parts = np.random.default_rng(0), np.stack(images)
    chances = np.full(len(parts), 1 / len(parts))
    drawn = [rng.multinomial(len(parts), chances) for _ in range(DRAWS)]
    return float(np.std([_miou(np.tensordot(times, parts, 1)) for times in drawn], ddof=1))


def _miou(parts: NDArray[np.int64]) -> float:
    """`mean_iou` from summed parts (3, L)."""
    right, true, predicted = parts
    return mean_present(divide(right, true + predicted - right)[true > 0])
