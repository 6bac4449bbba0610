"""A teacher corrects pseudo-masks while the model trains on them.

A network learns what most masks agree on before it learns the mistakes of single ones. So an average of its
past weights, the teacher, looks at the same crops: where it is sure, its label counts instead of the mask's.
It chooses among the labels that the picture has, never among others.

Source: early-learning correction, Liu et al. 2022 (ADELE), arXiv:2110.03740; the mean teacher of Tarvainen
and Valpola 2017, arXiv:1703.01780. Deviations from ADELE: corrections begin at one given step for all
classes, the teacher is an average, and only labels of the picture take part.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from pipeline.data.images import IGNORE
from pipeline.params import TeacherParams
from pipeline.segmentation.network import SegmentationNet


class Student(nn.Module):
    """The network and its teacher; both are part of a checkpoint."""

    def __init__(self, net: SegmentationNet, params: TeacherParams) -> None:
        super().__init__()
        self.net = net
        average = get_ema_multi_avg_fn(params.decay)  # type: ignore[no-untyped-call]
        self.teacher = AveragedModel(net, multi_avg_fn=average, use_buffers=True).requires_grad_(False)

    def train(self, mode: bool = True) -> "Student":
        super().train(mode)
        self.teacher.eval()
        return self

    @torch.no_grad()
    def taught(self, images: Tensor) -> Tensor:
        """The teacher's scores, float32 (N, L, H, W)."""
        return cast(Tensor, self.teacher(images)).float()


def correctable(labels: Sequence[int], count: int, *, trusted: bool) -> Tensor:
    """Which of `count` ids the teacher may give to a picture, bool (L,): background and its labels.

    None, if its mask is true: that mask stays.
    """
    ids = torch.zeros(count, dtype=torch.bool)
    if not trusted:
        ids[[0, *(label + 1 for label in labels)]] = True
    return ids


def correct(masks: Tensor, scores: Tensor, allowed: Tensor, confidence: float) -> Tensor:
    """`masks` with the teacher's label where its probability among the allowed ids is above `confidence`.

    Args:
        masks: int64 (N, H, W); 255 stays, since that may lie beyond the picture.
        scores: the teacher's, float32 (N, L, H, W).
        allowed: bool (N, L), see `correctable`; a mask without any stays as it is.
    """
    barred = scores.masked_fill(~allowed[:, :, None, None], -torch.inf)
    highest, ids = barred.softmax(1).max(1)  # NaN where nothing is allowed, and NaN is never above
    return torch.where((highest > confidence) & (masks != IGNORE), ids, masks)
