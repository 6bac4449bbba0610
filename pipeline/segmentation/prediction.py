"""Prediction: probabilities for images of any size."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.base.sizes import grid_size, working_size
from pipeline.data.arrays import StoredHeatmaps
from pipeline.data.images import ImageArray
from pipeline.data.resize import image_tensor, resize
from pipeline.engine.device import autocast, to_device
from pipeline.segmentation.network import SegmentationNet

SMALLEST = 1e-12  # of a sum of probabilities, so that it can be divided by
MULTIPLE = 32  # pixels: decoders need sides that the deepest feature map divides


@torch.inference_mode()
def predict_probabilities(
    net: SegmentationNet,
    image: ImageArray,
    scales: Sequence[float],
    *,
    flip: bool,
    size: tuple[int, int] | None = None,
) -> Tensor:
    """Class probabilities float32 (L, H, W), the mean over scales and flips, on the device of `net`.

    Args:
        net: in eval mode.
        scales: factors of the working resolution.
        size: height and width of the result; None: those of `image`.
    """
    device = next(net.parameters()).device
    height, width = size or image.shape[:2]
    means: list[Tensor] = []  # one for each scale
    for scale in scales:
        pixels = to_device(image_tensor(image, round(scale * net.config.long_side))[None], device)
        views = torch.cat([pixels, pixels.flip(-1)]) if flip else pixels
        with autocast(device):
            logits = _padded_logits(net, views)
        upright = torch.cat([logits[:1], logits[1:].flip(-1)])
        resized = functional.interpolate(upright, (height, width), mode="bilinear", align_corners=False)
        mean = resized[0].softmax(0)
        for view in resized[1:]:  # not all at once: probabilities of large images need much memory
            mean += view.softmax(0)
        means.append(mean.div_(len(resized)))
    return torch.stack(means).mean(0) if len(means) > 1 else means[0]


def predict_heatmaps(
    net: SegmentationNet, image: ImageArray, labels: Sequence[int], scales: Sequence[float], *, flip: bool
) -> StoredHeatmaps:
    """How much each of `labels` outweighs the background: p_c / (p_c + p_background) * 255.

    It can take the place of heatmaps: above 127 a label is more probable than the background, and the largest
    of the labels is the most probable. The classes that are not in `labels` do not take part.

    Returns:
        uint8 (P, h, w) at a quarter of the working resolution, where the logits of most networks come from.
    """
    size = working_size(image.shape[0], image.shape[1], net.config.long_side)
    probabilities = predict_probabilities(net, image, scales, flip=flip, size=size)
    foreground = probabilities[[label + 1 for label in labels]]
    share = foreground / (foreground + probabilities[:1]).clamp(min=SMALLEST)
    small = resize(share, grid_size(*size))
    return np.asarray((small * 255).round().byte().cpu().numpy(), np.uint8)


def _padded_logits(net: SegmentationNet, images: Tensor) -> Tensor:
    height, width = images.shape[-2:]
    padding = (0, -width % MULTIPLE, 0, -height % MULTIPLE)  # right and bottom: crop back from the top left
    logits: Tensor = net(functional.pad(images, padding, mode="replicate"))
    return logits[..., :height, :width].float()
