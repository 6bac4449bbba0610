"""The training objective of the segmentation model: its loss, on masks that the teacher corrects."""

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor

from pipeline.data.images import IGNORE
from pipeline.data.training_examples import TrainingTarget
from pipeline.engine.averaging import PastAverage
from pipeline.engine.shards import Example, Objective
from pipeline.params import SegmentationParams
from pipeline.segmentation.loss import balanced_cross_entropy, kind_counts, known_cross_entropy
from pipeline.segmentation.mean_teacher import correct
from pipeline.segmentation.network import SegmentationNet


class TrainableSegmentation(Objective):
    """The loss of the segmentation model; with it, where pseudo-masks are corrected, its teacher."""

    def __init__(
        self, net: SegmentationNet, params: SegmentationParams, shift: float, *, taught: bool
    ) -> None:
        super().__init__()
        self.net = net
        self.params = params
        self.shift = shift  # of the background, see `balanced_cross_entropy`
        self.teacher = PastAverage(net, params.teacher.decay) if taught else None

    def settle(self, shards: Sequence[Example], step: int) -> tuple[list[TrainingTarget], Tensor]:
        """The ids that the logits are compared with, int64 (N, H, W), and how many pixels are of which kind.

        They are background and foreground; in data without background, known pixels.

        Args:
            shards: their targets are masks int64 (N, H, W), with a teacher these and `correctable`, bool
                (N, L).
        """
        if self.teacher is not None:
            self.teacher.update_parameters(self.net)  # of the step before
        masks: list[TrainingTarget] = [self._masks(images, targets, step) for images, targets in shards]
        counted = torch.cat([cast(Tensor, of_shard).flatten() for of_shard in masks])
        if not self.net.config.background:
            return masks, (counted != IGNORE).sum()[None]
        return masks, kind_counts(counted)

    def forward(self, images: Tensor, targets: TrainingTarget, step: int, counts: Tensor) -> Tensor:
        """Balanced cross-entropy, a float32 scalar; in data without background the mean over known pixels."""
        masks, logits = cast(Tensor, targets), self.net(images).float()
        if not self.net.config.background:
            return known_cross_entropy(logits, masks, counts[0])
        return balanced_cross_entropy(logits, masks, self.shift, counts)

    def _masks(self, images: Tensor, targets: TrainingTarget, step: int) -> Tensor:
        """The masks of a shard, from the teacher's start on as it corrects them."""
        masks, allowed = (targets, None) if isinstance(targets, Tensor) else targets
        if not self.net.config.background:  # logit i is that of class i, whose id is i + 1
            masks = torch.where((masks == 0) | (masks == IGNORE), IGNORE, masks - 1)
        params = self.params.teacher
        if allowed is None or step < params.start * self.params.training.steps:
            return masks
        with torch.no_grad():
            logits: Tensor = cast(PastAverage, self.teacher)(images).float()
        return correct(masks, logits, allowed, params.confidence)
