"""ImageNet's mean and standard deviation, owned by the networks: callers hand over images in [0, 1]."""

import torch
from torch import Tensor, nn

MEAN = (0.485, 0.456, 0.406)  # of RGB in [0, 1], the values that torchvision's pretrained networks use
STD = (0.229, 0.224, 0.225)


class Normalise(nn.Module):
    """(N, 3, H, W) in [0, 1] -> zero mean, unit variance per channel, in ImageNet's sense."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        return (images - self.get_buffer("mean")) / self.get_buffer("std")
