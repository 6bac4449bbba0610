"""All methods and all present classes of a batch, from one forward pass of a GAP + FC classifier."""

from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from pipeline.heatmaps.cam import cam, gradcam, gradcampp
from pipeline.heatmaps.hooks import capture_input, class_gradients


class GapClassifier(Protocol):
    """A network whose logits are fc(mean of pool's input)."""

    @property
    def pool(self) -> nn.Module:
        """Global average pooling; its input is the feature map."""

    @property
    def fc(self) -> nn.Linear:
        """The fully connected layer behind it."""

    def __call__(self, images: Tensor, /) -> Tensor:
        """Images (N, 3, H, W) in [0, 1] -> logits (N, C)."""


def classifier_maps(
    net: GapClassifier, images: Tensor, classes: Sequence[Sequence[int]], methods: Sequence[str]
) -> dict[str, Tensor]:
    """Maps of the listed classes by each method, float32 (N, P, h, w) with P the longest list's length.

    The feature map is the input of the pooling layer. Slots beyond an image's own classes are 0.

    Args:
        images: float32 (N, 3, H, W) in [0, 1], on the device of `net`, which is in eval mode.
        classes: class indices of each image.

    Raises:
        ValueError: not one list of classes per image, an index beyond the logits, or an unknown method.
    """
    if len(classes) != len(images):
        raise ValueError(f"expected one list of classes per image ({len(images)}), got {len(classes)}")
    slots = _slots(classes)
    with capture_input(net.pool) as captured:
        logits = net(images)
        activations = captured.activations
        gradients = torch.stack([class_gradients(logits, activations, slot) for slot in slots], 1)
    activations = activations.detach()[:, None]
    return {method: _maps(method, net, activations, gradients, slots) for method in methods}


def _maps(
    method: str, net: GapClassifier, activations: Tensor, gradients: Tensor, slots: list[list[int]]
) -> Tensor:
    match method:
        case "cam":
            chosen = torch.tensor(slots, device=activations.device).T  # (N, P)
            weights = net.fc.weight.detach()[chosen.clamp(min=0)] * (chosen >= 0)[..., None]
            return cam(activations, weights)
        case "gradcam":
            return gradcam(activations, gradients)
        case "gradcampp":
            return gradcampp(activations, gradients)
    raise ValueError(f"expected a method of cam, gradcam, gradcampp, got {method!r}")


def _slots(classes: Sequence[Sequence[int]]) -> list[list[int]]:
    longest = max(1, *(len(present) for present in classes)) if classes else 1
    return [[present[j] if j < len(present) else -1 for present in classes] for j in range(longest)]
