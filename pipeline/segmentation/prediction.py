"""Prediction: probabilities for images of any size."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.base.sizes import grid_size
from pipeline.data.arrays import StoredHeatmaps
from pipeline.data.images import ImageArray
from pipeline.data.resize import image_tensor, resize
from pipeline.engine.device import autocast, to_device
from pipeline.engine.tiling import map_tiles
from pipeline.segmentation.network import SegmentationNet

SMALLEST = 1e-12  # of a sum of probabilities, so that it can be divided by
MULTIPLE = 32  # pixels: decoders need sides that the deepest feature map divides


def predict_probabilities(
    net: SegmentationNet, image: ImageArray, scales: Sequence[float], *, flip: bool
) -> Tensor:
    """Class probabilities float32 (L, H, W) at the size of `image`, on the device of `net`."""
    device = next(net.parameters()).device
    sides = view_sides(scales, net.config.long_side)
    views = [to_device(image_tensor(image, side)[None], device) for side in sides]
    return batch_logits(net, views, flip=flip).probabilities(0, (image.shape[0], image.shape[1]))


def view_sides(scales: Sequence[float], long_side: int) -> list[int]:
    """The longer side of an image in pixels at each of `scales`, factors of the working resolution."""
    return [round(scale * long_side) for scale in scales]


@dataclass(frozen=True)
class BatchLogits:
    """Logits of a batch of images."""

    count: int  # N, of the images
    background: bool  # whether logit 0 is that of the background
    by_scale: list[Tensor]  # float32 (N, L, h, w); (2 N, L, h, w) with the mirrored images behind the others

    @torch.inference_mode()
    def probabilities(self, index: int, size: tuple[int, int]) -> Tensor:
        """Class probabilities float32 (L, *size) of one image: the mean over scales and flips.

        L = C + 1 in all data: without background its probability is 0.
        """
        means: list[Tensor] = []
        for logits in self.by_scale:
            views = logits[index :: self.count]
            upright = torch.cat([views[:1], views[1:].flip(-1)])
            resized = functional.interpolate(upright, size, mode="bilinear", align_corners=False)
            mean = resized[0].softmax(0)
            for view in resized[1:]:  # not all at once: probabilities of large images need much memory
                mean += view.softmax(0)
            means.append(mean.div_(len(resized)))
        mean = torch.stack(means).mean(0) if len(means) > 1 else means[0]
        return mean if self.background else torch.cat([torch.zeros_like(mean[:1]), mean])


@torch.inference_mode()
def batch_logits(net: SegmentationNet, views: Sequence[Tensor], *, flip: bool) -> BatchLogits:
    """The logits of a batch, of the mirrored images too with `flip`.

    Args:
        net: in eval mode.
        views: the same images at each scale, float32 (N, 3, h, w) in [0, 1], on the device of `net`.

    Raises:
        ArithmeticError: a logit is not finite.
    """
    by_scale = []
    for images in views:
        shown = torch.cat([images, images.flip(-1)]) if flip else images
        with autocast(images.device):
            by_scale += map_tiles(shown, net.config.tile, lambda tiles: [_padded_logits(net, tiles)])
    if not all(logits.isfinite().all() for logits in by_scale):
        raise ArithmeticError("the logits of the segmentation model are not finite: check its weights")
    return BatchLogits(len(views[0]), net.config.background, by_scale)


def heatmaps_of(
    logits: BatchLogits, index: int, labels: Sequence[int], working: tuple[int, int]
) -> StoredHeatmaps:
    """How much each of `labels` outweighs the background: p_c / (p_c + p_background) * 255.

    It can take the place of heatmaps: above 127 a label is more probable than the background, and the largest
    of the labels is the most probable. The classes that are not in `labels` do not take part. In data without
    background, p_c is divided by the sum over `labels`.

    Args:
        index: of the image in its batch.
        working: height and width of the image at the working resolution.

    Returns:
        uint8 (P, h, w) at a quarter of the working resolution, where the logits of most networks come from.
    """
    probabilities = logits.probabilities(index, working)
    foreground = probabilities[[label + 1 for label in labels]]
    rivals = foreground + probabilities[:1] if logits.background else foreground.sum(0, keepdim=True)
    share = foreground / rivals.clamp(min=SMALLEST)
    small = resize(share, grid_size(*working))
    return np.asarray((small * 255).round().byte().cpu().numpy(), np.uint8)


def _padded_logits(net: SegmentationNet, images: Tensor) -> Tensor:
    height, width = images.shape[-2:]
    padding = (0, -width % MULTIPLE, 0, -height % MULTIPLE)  # right and bottom: crop back from the top left
    logits: Tensor = net(functional.pad(images, padding, mode="replicate"))
    return logits[..., :height, :width].float()
