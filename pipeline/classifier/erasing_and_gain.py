"""Heatmaps in the training of the classifier: erasing, an augmentation, and GAIN, two losses.

Throughout, `images` are float32 (N, 3, H, W) in [0, 1], `heatmaps` are those of `attention`, (N, C, h, w) in
[0, 1], and `labels` are float32 (N, C) of 0 and 1.
"""

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.classifier.network import Classifier
from pipeline.data.images import IGNORE
from pipeline.engine.normalise import MEAN
from pipeline.params import ErasingParams, GainParams

SMALLEST = 1e-6  # of a heatmap's maximum, so that it can be divided by


def attention(net: Classifier, activations: Tensor) -> Tensor:
    """CAM of every class, float32 (N, C, h, w) in [0, 1]: relu(sum_k w_ck A_k), divided by its maximum.

    Gradients pass. A map without positive values is 0.

    Args:
        activations: the encoder's last feature map, (N, K, h, w).
    """
    with torch.autocast(activations.device.type, enabled=False):
        heatmaps = functional.conv2d(activations.float(), net.fc.weight[:, :, None, None]).relu()
        return heatmaps / heatmaps.amax((-2, -1), keepdim=True).clamp(min=SMALLEST)


def soft_mask(heatmaps: Tensor, params: GainParams) -> Tensor:
    """T(A) = 1 / (1 + exp(-omega (A - sigma))), in (0, 1): GAIN, arXiv:1802.10171, eq. 4."""
    return torch.sigmoid(params.omega * (heatmaps - params.sigma))


def attention_mining(
    net: Classifier, images: Tensor, heatmaps: Tensor, labels: Tensor, params: GainParams
) -> Tensor:
    """L_am: the mean probability of a labelled class on I* = I - T(A) (I - mean colour), a float32 scalar.

    One labelled class of each image is drawn. Images in which T covers more than `max_area` are left out.
    The gradient reaches the weights through I* and through the network that looks at it. 0 without images.

    Source: GAIN, eq. 3 to 5; the mean colour is 0 in the network's own scale, the area guard is ours.
    """
    rows = labels.any(1).nonzero()[:, 0]
    if not len(rows):
        return heatmaps.sum() * 0
    classes = torch.multinomial(labels[rows], 1)
    of_class = heatmaps[rows].gather(1, classes[:, :, None, None].expand(-1, -1, *heatmaps.shape[-2:]))
    mask = soft_mask(_resize(of_class, images), params)
    small = mask.mean((1, 2, 3)) <= params.max_area
    if not small.any():
        return heatmaps.sum() * 0
    rows, classes, mask = rows[small], classes[small], mask[small]
    masked = images[rows] - mask * (images[rows] - _mean_colour(images))
    probabilities: Tensor = net(masked).float().sigmoid().gather(1, classes)
    return probabilities.mean()


def attention_error(heatmaps: Tensor, masks: Tensor, labels: Tensor, count: Tensor | None = None) -> Tensor:
    """L_e: the mean squared difference between heatmaps of labelled classes and masks, a float32 scalar.

    The mean over the known pixels of a map, then over the labels of an image, then over the images that
    have both. The gradient reaches the weights through the heatmap. 0 without images.

    Args:
        masks: int64 (N, H, W) of 0, class + 1, and 255 where nothing is known.
        count: images of the whole batch that have both, where these are a shard of it.

    Source: GAIN, Li et al. 2018, arXiv:1802.10171, section 3.3, L_e.
    """
    known = (masks != IGNORE).float()
    pixels = known.sum((1, 2))
    at_size = _resize(heatmaps.float(), masks)
    ids = torch.arange(1, heatmaps.shape[1] + 1, device=heatmaps.device)
    class_masks = (masks[:, None] == ids[:, None, None]).float()
    errors = ((at_size - class_masks) ** 2 * known[:, None]).sum((2, 3)) / pixels.clamp(min=1)[:, None]
    counts = has_attention_error(masks, labels)
    means = (errors * labels).sum(1) / labels.sum(1).clamp(min=1)
    return (means * counts).sum() / (counts.sum() if count is None else count).clamp(min=1)


def has_attention_error(masks: Tensor, labels: Tensor) -> Tensor:
    """Which images have a label and a known pixel, bool (N,)."""
    return labels.any(1) & (masks != IGNORE).any(2).any(1)


def erase(images: Tensor, heatmaps: Tensor, labels: Tensor, params: ErasingParams) -> Tensor:
    """A random share of the labelled images (N, 3, H, W) without their hottest parts, or without all others.

    Region `object`: the mean colour where the heatmap is above the threshold.
    Region `background`: elsewhere, the next image of the batch where it is not above the threshold either,
    and the mean colour where it is. Of the heatmaps, the largest over the image's labels counts.

    Source: adversarial erasing, Wei et al. 2017, arXiv:1703.08448, 3.1, in one pass and by an average of past
    weights. Random backgrounds: the mixed-rand images of Xiao et al. 2020, arXiv:2006.09994.
    """
    hot = _resize((heatmaps * labels[:, :, None, None]).amax(1, keepdim=True), images) > params.threshold
    filling = _mean_colour(images).expand_as(images)
    if params.region == "background":
        filling = torch.where(hot.roll(1, 0), filling, images.roll(1, 0))
    erased = hot if params.region == "object" else ~hot
    drawn = (torch.rand(len(images)) < params.share).to(images.device) & labels.any(1)
    return torch.where(erased & drawn[:, None, None, None], filling, images)


def _resize(heatmaps: Tensor, like: Tensor) -> Tensor:
    return functional.interpolate(heatmaps, like.shape[-2:], mode="bilinear", align_corners=False)


def _mean_colour(images: Tensor) -> Tensor:
    return torch.tensor(MEAN, device=images.device).view(1, 3, 1, 1)
