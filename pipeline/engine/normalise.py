"""Mean and standard deviation of images, owned by the networks: callers hand over images in [0, 1]."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# Of RGB in [0, 1] in ImageNet, the values that torchvision's pretrained networks use.
MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)


class Normalise(nn.Module):
    """(N, 3, H, W) in [0, 1] -> zero mean, unit variance per channel, by default in ImageNet's sense."""

    def __init__(self, mean: Sequence[float] = MEAN, std: Sequence[float] = STD) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(mean).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.get_buffer("mean")) / self.get_buffer("std")
