"""How far the area that masks give to each label is from the true one."""

from collections.abc import Sequence

import numpy as np

from pipeline.evaluation.confusion import ClassScores, Counts, divide
from pipeline.evaluation.standard_error import FEWEST, draw_sums


def area_errors(parts: Counts) -> ClassScores:
    """(area in the masks - true area) / true area of each label, float64 (L,); NaN without a true pixel.

    0.1: the masks show a tenth too much. -1: they show nothing.

    Args:
        parts: int64 (3, L) of `iou_parts`, summed over the set.
    """
    _, true, predicted = parts
    return divide(predicted - true, true)


def area_standard_errors(images: Sequence[Counts]) -> ClassScores:
    """The standard errors of `area_errors` by `draw_sums`, (L,); NaN of fewer than `FEWEST` images.

    A draw that does not show a label says nothing of it; a label that one image shows has NaN.

    Args:
        images: `iou_parts` of each scored image.
    """
    labels = images[0].shape[1] if images else 0
    showing = np.sum([parts[1] > 0 for parts in images], axis=0) if images else np.zeros(0)
    if len(images) < FEWEST:
        return np.full(labels, np.nan)
    drawn = np.array([area_errors(parts) for parts in draw_sums(images)])
    enough = showing > 1
    spread = np.full(labels, np.nan)
    spread[enough] = np.nanstd(drawn[:, enough], axis=0, ddof=1)
    return spread
