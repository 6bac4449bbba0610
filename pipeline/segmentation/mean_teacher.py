"""The mean teacher: which labels of a pseudo-mask it corrects while the model trains on them.

A network learns what most masks agree on before it learns the mistakes of single ones. So an average of its
past weights, the teacher, looks at the same crops: where it is sure, its label counts instead of the mask's.
It chooses among the labels that the image has, never among others.

Source: early-learning correction, Liu et al. 2022 (ADELE), arXiv:2110.03740; the mean teacher of Tarvainen
and Valpola 2017, arXiv:1703.01780. Deviations from ADELE: corrections begin at one given step for all
classes, the teacher is an average, and only labels of the image take part.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from pipeline.data.images import IGNORE


def correctable(labels: Sequence[int], count: int, *, trusted: bool) -> Tensor:
    """Which of `count` ids the teacher may give to an image, bool (L,): background and its labels.

    None, if its mask is true: that mask stays.
    """
    ids = torch.zeros(count, dtype=torch.bool)
    if not trusted:
        ids[[0, *(label + 1 for label in labels)]] = True
    return ids


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
