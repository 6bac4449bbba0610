"""Loss for masks in which background is most of the image and some pixels are unknown."""

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.images import IGNORE, Mask


def balanced_cross_entropy(scores: Tensor, masks: Tensor, shift: float = 0.0) -> Tensor:
    """Mean cross-entropy over background pixels and mean over foreground pixels, half each.

    Pixels with 255 are left out. A batch that lacks one of the two kinds has the mean of the other; one
    without any known pixel has the loss 0.

    Args:
        scores: float32 (N, L, H, W).
        masks: int64 (N, H, W), 0 background, class index + 1, 255 ignore.
        shift: taken off the background's score here and not at prediction, so that the network learns to
            give the background that much more than the balance asks for.

    Source: the balanced seed loss of Huang et al. 2018 (DSRG, CVPR), eq. 1. Deviation: empty halves are left
    out, where published codes divide by zero. The shift is the logit adjustment of Menon et al. 2021,
    arXiv:2007.07314, eq. 10.
    """
    if shift:
        scores = torch.cat([scores[:, :1] - shift, scores[:, 1:]], 1)
    losses = functional.cross_entropy(scores, masks, ignore_index=IGNORE, reduction="none")
    background = masks == 0
    foreground = (masks != 0) & (masks != IGNORE)
    means = [losses[half].mean() for half in (background, foreground) if half.any()]
    return torch.stack(means).mean() if means else scores.sum() * 0


def background_shift(masks: Iterable[Mask], prior: float) -> float:
    """What the background's share of the masks is worth as a score: `prior * log(background / foreground)`.

    A balanced loss trains for pixels of which half are foreground; where they are fewer, its masks come out
    too large. `prior` 0 keeps the balance, 1 is the share in the masks.

    Args:
        masks: uint8 (H, W) each, 255 left out.

    Returns:
        The shift; 0 where one of the two kinds is missing.
    """
    counts = np.zeros(256, np.int64)
    for mask in masks:
        counts += np.bincount(mask.ravel(), minlength=256)
    background, foreground = counts[0], counts[1:IGNORE].sum()
    return prior * float(np.log(background / foreground)) if background and foreground else 0.0
