"""An average of the weights that a network has had."""

from typing import Self

from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn


class PastAverage(AveragedModel):
    """The exponential average of a network's past weights and buffers, always in eval mode."""

    def __init__(self, net: nn.Module, decay: float) -> None:
        average = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        super().__init__(net, multi_avg_fn=average, use_buffers=True)
        self.requires_grad_(False)

    def train(self, mode: bool = True) -> Self:
        return super().train(False)
