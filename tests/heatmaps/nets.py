"""Small networks with a GAP + FC head, for tests of heatmaps."""

import torch
from torch import Tensor, nn

from pipeline.heatmaps.layers import TargetLayer


class GapNet(nn.Module):
    """Two convolutions, global average pooling and one fully connected layer; 24 channels."""

    def __init__(self, classes: int = 5, channels: int = 24, seed: int = 0) -> None:
        super().__init__()
        generator_state = torch.random.get_rng_state()
        torch.manual_seed(seed)
        self.features = nn.Sequential(
            nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, channels, 3, padding=1), nn.ReLU()
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, classes)
        torch.random.set_rng_state(generator_state)

    @property
    def target(self) -> TargetLayer:
        """Its feature map, for `class_maps`."""
        return TargetLayer(self.pool, "input", pooled=self.fc, linear_head=True)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.pool(self.features(images)).flatten(1))
        return logits
