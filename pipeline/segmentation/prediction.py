"""Prediction for pictures of any size."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.pictures import Mask, Picture
from pipeline.data.resize import image_tensor
from pipeline.engine.device import autocast, to_device
from pipeline.segmentation.network import SegmentationNet

MULTIPLE = 32  # pixels: decoders need sides that the deepest feature map divides


def predict_mask(net: SegmentationNet, image: Picture, scales: Sequence[float], *, flip: bool) -> Mask:
    """Most probable id of every pixel, uint8 (H, W) at the size of `image`; never 255."""
    probabilities = predict_probabilities(net, image, scales, flip=flip)
    return probabilities.argmax(0).to(torch.uint8).cpu().numpy().astype(np.uint8)


@torch.inference_mode()
def predict_probabilities(
    net: SegmentationNet, image: Picture, scales: Sequence[float], *, flip: bool
) -> Tensor:
    """Class probabilities float32 (L, H, W) at the size of `image`, the mean over scales and flips.

    Args:
        net: in eval mode, on the device that shall do the work.
        image: RGB uint8 (H, W, 3) of any size.
        scales: factors of the working resolution.
    """
    device = next(net.parameters()).device
    size = image.shape[:2]
    total: list[Tensor] = []
    for scale in scales:
        pixels = to_device(image_tensor(image, round(scale * net.config.long_side))[None], device)
        views = torch.cat([pixels, pixels.flip(-1)]) if flip else pixels
        with autocast(device):
            scores = _padded_scores(net, views)
        upright = torch.cat([scores[:1], scores[1:].flip(-1)])
        total.append(_upsample(upright, size).softmax(1).mean(0))
    return torch.stack(total).mean(0)


def _padded_scores(net: SegmentationNet, images: Tensor) -> Tensor:
    height, width = images.shape[-2:]
    padding = (0, -width % MULTIPLE, 0, -height % MULTIPLE)  # right and bottom: crop back from the top left
    scores: Tensor = net(functional.pad(images, padding, mode="replicate"))
    return scores[..., :height, :width].float()


def _upsample(scores: Tensor, size: tuple[int, ...]) -> Tensor:
    return functional.interpolate(scores, size, mode="bilinear", align_corners=False)
