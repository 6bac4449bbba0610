"""The loss of the segmentation model: cross-entropy balanced between background and foreground."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from pipeline.data.images import IGNORE


def balanced_cross_entropy(
    logits: Tensor, masks: Tensor, shift: float = 0.0, counts: Tensor | None = None
) -> Tensor:
    """Mean cross-entropy over background pixels and mean over foreground pixels, half each.

    Pixels with 255 are left out. A batch without one of the two kinds has the mean of the other; a batch
    without any known pixel has the loss 0. The losses of the shards of a batch add up to that of the batch.

    Args:
        logits: float32 (N, L, H, W).
        masks: int64 (N, H, W), 0 background, class index + 1, 255 ignore.
        shift: subtracted from the background's logit in training only, so that the network learns to give
            the background that much more than the balance asks for.
        counts: `kind_counts` of the whole batch, where these are a shard of it.

    Source: the balanced seed loss of Huang et al. 2018 (DSRG, CVPR), eq. 1. Deviation: empty halves are left
    out, where published codes divide by zero. The shift is the logit adjustment of Menon et al. 2021,
    arXiv:2007.07314, eq. 10.
    """
    if shift:
        logits = torch.cat([logits[:, :1] - shift, logits[:, 1:]], 1)
    losses = functional.cross_entropy(logits, masks, ignore_index=IGNORE, reduction="none")
    counts = kind_counts(masks) if counts is None else counts
    means = [losses[kind].sum() / count for kind, count in zip(_kinds(masks), counts, strict=True) if count]
    return torch.stack(means).sum() / len(means) if means else logits.sum() * 0


def kind_counts(masks: Tensor) -> Tensor:
    """Pixels of the background and of the foreground, int64 (2,)."""
    return torch.stack([kind.sum() for kind in _kinds(masks)])


def known_cross_entropy(logits: Tensor, masks: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean cross-entropy over the pixels that are not 255, a float32 scalar; 0 without such pixels.

    Args:
        logits: float32 (N, L, H, W).
        masks: int64 (N, H, W), the index of a logit or 255.
        known: pixels that are not 255 in the whole batch, where these are a shard of it.
    """
    known = ((masks != IGNORE).sum() if known is None else known).clamp(min=1)
    return functional.cross_entropy(logits, masks, ignore_index=IGNORE, reduction="sum") / known


def _kinds(masks: Tensor) -> tuple[Tensor, Tensor]:
    """Where the background is, and where the foreground."""
    return masks == 0, (masks != 0) & (masks != IGNORE)


def background_shift(pixels: NDArray[np.int64], prior: float) -> float:
    """The shift for the background's share of the masks: `prior * log(background / foreground)`.

    `prior` 0 keeps the balance, 1 is the share in the masks. Pixels with 255 are left out; the shift is 0
    where one of the two kinds is missing.

    Args:
        pixels: counts of each id in the masks, int64 (256,).
    """
    background, foreground = pixels[0], pixels[1:IGNORE].sum()
    return prior * float(np.log(background / foreground)) if background and foreground else 0.0
