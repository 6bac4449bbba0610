"""A teacher corrects pseudo-masks while the model trains on them.

Source: early-learning correction, Liu et al. 2022 (ADELE), arXiv:2110.03740; the mean teacher of Tarvainen
and Valpola 2017, arXiv:1703.01780. Deviations from ADELE: corrections begin at one given step for all
classes, the teacher is an average, and only labels of the image take part.
"""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from pipeline.data.images import IGNORE
from pipeline.data.stream import TrainingTarget
from pipeline.engine.averaging import PastAverage
from pipeline.params import SegmentationParams
from pipeline.segmentation.loss import balanced_cross_entropy
from pipeline.segmentation.network import SegmentationNet


class TrainableSegmentation(nn.Module):
    """The loss of the segmentation model; with it, where pseudo-masks are corrected, its teacher."""

    def __init__(
        self, net: SegmentationNet, params: SegmentationParams, shift: float, *, taught: bool
    ) -> None:
        super().__init__()
        self.net = net
        self.params = params
        self.shift = shift  # of the background, see `balanced_cross_entropy`
        self.teacher = PastAverage(net, params.teacher.decay) if taught else None

    def forward(self, images: Tensor, targets: TrainingTarget, step: int) -> Tensor:
        """Balanced cross-entropy, a float32 scalar.

        Args:
            targets: masks int64 (N, H, W), with a teacher these and `correctable`, bool (N, L).
        """
        masks, allowed = (targets, None) if isinstance(targets, Tensor) else targets
        if allowed is not None:
            masks = self._corrected(images, masks, allowed, step)
        return balanced_cross_entropy(self.net(images).float(), masks, self.shift)

    def _corrected(self, images: Tensor, masks: Tensor, allowed: Tensor, step: int) -> Tensor:
        """The masks, from the teacher's start on as it corrects them; first it learns of the last step."""
        teacher, params = cast(PastAverage, self.teacher), self.params.teacher
        teacher.update_parameters(self.net)
        if step < params.start * self.params.training.steps:
            return masks
        with torch.no_grad():
            scores: Tensor = teacher(images).float()
        return correct(masks, scores, allowed, params.confidence)


def correctable(labels: Sequence[int], count: int, *, trusted: bool) -> Tensor:
    """Which of `count` ids the teacher may give an image, bool (L,): 0 and its labels, none if `trusted`."""
    ids = torch.zeros(count, dtype=torch.bool)
    if not trusted:
        ids[[0, *(label + 1 for label in labels)]] = True
    return ids


def correct(masks: Tensor, scores: Tensor, allowed: Tensor, confidence: float) -> Tensor:
    """`masks` with the teacher's label where its probability among the allowed ids is above `confidence`.

    Args:
        masks: int64 (N, H, W); 255 stays, since that may lie beyond the image.
        scores: the teacher's, float32 (N, L, H, W).
        allowed: bool (N, L), see `correctable`; a mask without any stays as it is.
    """
    barred = scores.masked_fill(~allowed[:, :, None, None], -torch.inf)
    highest, ids = barred.softmax(1).max(1)  # NaN where nothing is allowed, and NaN is never above
    return torch.where((highest > confidence) & (masks != IGNORE), ids, masks)
