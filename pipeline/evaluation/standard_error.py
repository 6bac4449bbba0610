"""How far the scores of a set would move with other images of the same kind."""

from collections.abc import Iterator, Sequence

import numpy as np

from pipeline.evaluation.confusion import ClassScores, Counts, divide
from pipeline.evaluation.means import mean_present

DRAWS = 200  # of the bootstrap
FEWEST = 8  # images: fewer do not show how images differ


def iou_parts(confusion: Counts) -> Counts:
    """What the IoU of each label is made of, int64 (3, L): right, true and predicted pixels; they add up.

    Args:
        confusion: (L, L), or (L, L + 1) of `pseudo_mask_counts`: open pixels are found by no label.
    """
    return np.stack([np.diag(confusion), confusion.sum(axis=1), confusion.sum(axis=0)[: len(confusion)]])


def miou_standard_error(images: Sequence[Counts]) -> float:
    """The standard error of the mIoU by `draw_sums`, in [0, 1]; NaN of fewer than `FEWEST` images.

    A label that none of the drawn images shows is left out of this draw's mean.

    Args:
        images: `iou_parts` of each scored image.
    """
    if len(images) < FEWEST:
        return float("nan")
    return float(np.std([mean_present(ious_of_parts(parts)) for parts in draw_sums(images)], ddof=1))


def draw_sums(images: Sequence[Counts]) -> Iterator[Counts]:
    """`DRAWS` sums of as many images as there are, drawn with replacement; the same ones at each call.

    The bootstrap: Efron 1979, doi:10.1214/aos/1176344552.
    """
    rng, counts = np.random.default_rng(0), np.stack(images)
    chances = np.full(len(counts), 1 / len(counts))
    for _ in range(DRAWS):
        yield np.tensordot(rng.multinomial(len(counts), chances), counts, 1)


def ious_of_parts(parts: Counts) -> ClassScores:
    """`iou_per_class` (L,) from summed parts (3, L)."""
    right, true, predicted = parts
    return np.where(true > 0, divide(right, true + predicted - right), np.nan)
