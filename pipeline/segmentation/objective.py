"""The training objective of the segmentation model: its loss, on masks that the teacher corrects."""

from typing import cast

import torch
from torch import Tensor, nn

from pipeline.data.images import IGNORE
from pipeline.data.training_examples import TrainingTarget
from pipeline.engine.averaging import PastAverage
from pipeline.params import SegmentationParams
from pipeline.segmentation.loss import balanced_cross_entropy, known_cross_entropy
from pipeline.segmentation.mean_teacher import correct
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
        """Balanced cross-entropy, a float32 scalar; in data without background the mean over known pixels.

        Args:
            targets: masks int64 (N, H, W), with a teacher these and `correctable`, bool (N, L).
        """
        masks, allowed = (targets, None) if isinstance(targets, Tensor) else targets
        if not self.net.config.background:  # logit i is that of class i, whose id is i + 1
            masks = torch.where((masks == 0) | (masks == IGNORE), IGNORE, masks - 1)
        if allowed is not None:
            masks = self._corrected(images, masks, allowed, step)
        logits = self.net(images).float()
        if not self.net.config.background:
            return known_cross_entropy(logits, masks)
        return balanced_cross_entropy(logits, masks, self.shift)

    def _corrected(self, images: Tensor, masks: Tensor, allowed: Tensor, step: int) -> Tensor:
        """The masks, from the teacher's start on as it corrects them; first it learns of the last step."""
        teacher, params = cast(PastAverage, self.teacher), self.params.teacher
        teacher.update_parameters(self.net)
        if step < params.start * self.params.training.steps:
            return masks
        with torch.no_grad():
            logits: Tensor = teacher(images).float()
        return correct(masks, logits, allowed, params.confidence)
