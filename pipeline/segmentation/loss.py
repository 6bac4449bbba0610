"""The loss of the segmentation model: cross-entropy balanced between background and foreground."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipeline.data.images import IGNORE


def balanced_cross_entropy(logits: Tensor, masks: Tensor, shift: float = 0.0) -> Tensor:
    """Mean cross-entropy over background pixels and mean over foreground pixels, half each.

    Pixels with 255 are left out. A batch without one of the two kinds has the mean of the other; a batch
    without any known pixel has the loss 0.

    Args:
        logits: float32 (N, L, H, W).
        masks: int64 (N, H, W), 0 background, class index + 1, 255 ignore.
        shift: subtracted from the background's logit in training only, so that the network learns to give
            the background that much more than the balance asks for.

    Source: the balanced seed loss of Huang et al. 2018 (DSRG, CVPR), eq. 1. Deviation: empty halves are left
    out, where published codes divide by zero. The shift is the logit adjustment of Menon et al. 2021,
    arXiv:2007.07314, eq. 10.
    """
    if shift:
        logits = torch.cat([logits[:, :1] - shift, logits[:, 1:]], 1)
    losses = functional.cross_entropy(logits, masks, ignore_index=IGNORE, reduction="none")
    background = masks == 0
    foreground = (masks != 0) & (masks != IGNORE)
    means = [losses[half].mean() for half in (background, foreground) if half.any()]
    return torch.stack(means).mean() if means else logits.sum() * 0


def known_cross_entropy(logits: Tensor, masks: Tensor) -> Tensor:
    """Mean cross-entropy over the pixels that are not 255, a float32 scalar; 0 without such pixels.

    Args:
        logits: float32 (N, L, H, W).
        masks: int64 (N, H, W), the index of a logit or 255.
    """
    known = (masks != IGNORE).sum().clamp(min=1)
    return functional.cross_entropy(logits, masks, ignore_index=IGNORE, reduction="sum") / known


def background_shift(pixels: NDArray[np.int64], prior: float) -> float:
    """The shift for the background's share of the masks: `prior * log(background / foreground)`.

    `prior` 0 keeps the balance, 1 is the share in the masks. Pixels with 255 are left out; the shift is 0
    where one of the two kinds is missing.

    Args:
        pixels: counts of each id in the masks, int64 (256,).
    """
    background, foreground = pixels[0], pixels[1:IGNORE].sum()
    return prior * float(np.log(background / foreground)) if background and foreground else 0.0
