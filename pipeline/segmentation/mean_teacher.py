"""The mean teacher's rule: which labels of a pseudo-mask it corrects; objective.py holds the teacher.

Source: early-learning correction, Liu et al. 2022 (ADELE), arXiv:2110.03740; the mean teacher of Tarvainen
and Valpola 2017, arXiv:1703.01780. Deviations from ADELE: corrections begin at one given step for all
classes, the teacher is an average, and only labels of the image take part.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.data.images import IGNORE


def correctable(labels: Sequence[int], classes: int, *, background: bool, trusted: bool) -> Tensor:
    """Which logits the teacher may follow in an image, bool (L,): its labels and the background.

    None if `trusted`. Without background there are as many logits as classes.
    """
    allowed = torch.zeros(classes + background, dtype=torch.bool)
    if not trusted:
        allowed[[*range(background), *(label + background for label in labels)]] = True
    return allowed


def correct(masks: Tensor, logits: Tensor, allowed: Tensor, confidence: float) -> Tensor:
    """`masks` with the teacher's label where its probability among the allowed ids is above `confidence`.

    Args:
        masks: int64 (N, H, W); 255 stays, since that may lie beyond the image.
        logits: the teacher's, float32 (N, L, H, W).
        allowed: bool (N, L), see `correctable`; a mask without any stays as it is.
    """
    barred = logits.masked_fill(~allowed[:, :, None, None], -torch.inf)
    highest, ids = barred.softmax(1).max(1)  # NaN where nothing is allowed, and NaN is never above
    return torch.where((highest > confidence) & (masks != IGNORE), ids, masks)
