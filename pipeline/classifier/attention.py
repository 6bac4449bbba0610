"""Heatmaps inside the training of the classifier: differentiable ones, and what is made of them.

* **Erasing**, an augmentation: parts of the images are taken away by the heatmaps of an average of the
  network's past weights. Without the hottest parts the network has to find others; without the surroundings
  it cannot learn them in the place of the object.
* **GAIN**, two losses: what the heatmap of a class leaves of an image should not show that class any more;
  and where a mask is known, the heatmap should be the mask.
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
    """CAM of every class: relu(sum_k w_ck A_k), divided by its maximum; gradients pass.

    Args:
        activations: the encoder's last feature map, (N, K, h, w).

    Returns:
        float32 (N, C, h, w) in [0, 1]; a map without positive heat is 0.
    """
    with torch.autocast(activations.device.type, enabled=False):
        heat = functional.conv2d(activations.float(), net.fc.weight[:, :, None, None]).relu()
        return heat / heat.amax((-2, -1), keepdim=True).clamp(min=SMALLEST)


def soft_mask(heat: Tensor, params: GainParams) -> Tensor:
    """T(A) = 1 / (1 + exp(-omega (A - sigma))), in (0, 1).

    Source: GAIN, Li et al. 2018, arXiv:1802.10171, eq. 4.
    """
    return torch.sigmoid(params.omega * (heat - params.sigma))


def attention_mining(
    net: Classifier, images: Tensor, heat: Tensor, labels: Tensor, params: GainParams
) -> Tensor:
    """L_am: the mean probability of a labelled class on I* = I - T(A) (I - mean colour).

    One labelled class of each image, drawn anew. The gradient reaches the weights through I* by way of the
    heatmap, and through the network that looks at I*. Images in which T covers more than `max_area` are
    left out: there the heatmap already takes everything, and the loss would reward it for that.

    Args:
        images: float32 (N, 3, H, W) in [0, 1].
        heat: (N, C, h, w) in [0, 1], see `attention`.
        labels: float32 (N, C) of 0 and 1.

    Returns:
        float32 scalar; 0 where no image takes part.

    Source: GAIN, eq. 3 to 5; the mean colour is 0 in the network's own scale, the area guard is ours.
    """
    rows = labels.any(1).nonzero()[:, 0]
    if not len(rows):
        return heat.sum() * 0
    chosen = torch.multinomial(labels[rows], 1)
    own = heat[rows].gather(1, chosen[:, :, None, None].expand(-1, -1, *heat.shape[-2:]))
    mask = soft_mask(_resize(own, images), params)
    small = mask.mean((1, 2, 3)) <= params.max_area
    if not small.any():
        return heat.sum() * 0
    rows, chosen, mask = rows[small], chosen[small], mask[small]
    masked = images[rows] - mask * (images[rows] - _mean_colour(images))
    return net(masked).float().sigmoid().gather(1, chosen).mean()


def attention_error(heat: Tensor, masks: Tensor, labels: Tensor) -> Tensor:
    """L_e: the mean squared difference between the heatmaps of labelled classes and their masks.

    The mean over the known pixels of a map, then over the labels of an image, then over the images that
    have both. The gradient reaches the weights through the heatmap.

    Args:
        heat: (N, C, h, w) in [0, 1], see `attention`; resized to the masks.
        masks: int64 (N, H, W) of 0, class + 1, and 255 where nothing is known.
        labels: float32 (N, C) of 0 and 1.

    Returns:
        float32 scalar; 0 where no image takes part.

    Source: GAIN, Li et al. 2018, arXiv:1802.10171, section 3.3, L_e.
    """
    known = (masks != IGNORE).float()
    pixels = known.sum((1, 2))
    wide = functional.interpolate(heat.float(), masks.shape[-2:], mode="bilinear", align_corners=False)
    ids = torch.arange(1, heat.shape[1] + 1, device=heat.device)
    wanted = (masks[:, None] == ids[:, None, None]).float()
    errors = ((wide - wanted) ** 2 * known[:, None]).sum((2, 3)) / pixels.clamp(min=1)[:, None]
    taken = labels.any(1) & (pixels > 0)
    means = (errors * labels).sum(1) / labels.sum(1).clamp(min=1)
    return (means * taken).sum() / taken.sum().clamp(min=1)


def erase(images: Tensor, heat: Tensor, labels: Tensor, params: ErasingParams) -> Tensor:
    """Take away the hottest parts, or all but the warm ones, in a random share of the labelled images.

    `object`: where the heat is above the threshold, the mean colour.
    `background`: where it is not, the next image of the batch as far as its heat is not above the threshold
    either, the mean colour elsewhere.

    Args:
        images: float32 (N, 3, H, W) in [0, 1].
        heat: (N, C, h, w) in [0, 1]; the largest over the image's labels counts.
        labels: float32 (N, C) of 0 and 1.

    Returns:
        (N, 3, H, W); images without labels are never changed.

    Source: adversarial erasing, Wei et al. 2017, arXiv:1703.08448, 3.1, in one pass and by an average of past
    weights. Random backgrounds: the mixed-rand images of Xiao et al. 2020, arXiv:2006.09994.
    """
    hot = _resize((heat * labels[:, :, None, None]).amax(1, keepdim=True), images) > params.threshold
    filling = _mean_colour(images).expand_as(images)
    if params.region == "background":
        filling = torch.where(hot.roll(1, 0), filling, images.roll(1, 0))
    taken = hot if params.region == "object" else ~hot
    drawn = (torch.rand(len(images)) < params.share).to(images.device) & labels.any(1)
    return torch.where(taken & drawn[:, None, None, None], filling, images)


def _resize(heat: Tensor, images: Tensor) -> Tensor:
    return functional.interpolate(heat, images.shape[-2:], mode="bilinear", align_corners=False)


def _mean_colour(images: Tensor) -> Tensor:
    return torch.tensor(MEAN, device=images.device).view(1, 3, 1, 1)
