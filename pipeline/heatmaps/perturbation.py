"""What a classifier does when parts of an image, or its weights, are taken away: is the heatmap faithful?

The networks are in eval mode, take images float32 (3, H, W) in [0, 1] and give logits (N, C). Probabilities
are their sigmoid, since an image may show several classes. A heatmap is (H, W); `index` is that of its class.
"""

import copy

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as transforms

from pipeline.data.images import ImageArray

BLUR = 0.05  # of the long side: standard deviation of the blur that insertion starts from
MARGIN = 0.03  # of the long side: how far around an object its outline and shadow are painted over too
INPAINT_RADIUS = 5  # pixels


@torch.inference_mode()
def deletion_curve(net: nn.Module, image: Tensor, index: int, heatmap: Tensor, steps: int) -> Tensor:
    """Probabilities while the hottest pixels get the image's mean colour, float32 (steps + 1,).

    The first entry belongs to the whole image, the last to a plain colour; the pixels go in `steps` equal
    parts. The lower the curve, the better the heatmap names what the probability rests on.

    Source: RISE, Petsiuk et al. 2018, arXiv:1806.07421, section 4.1. Deviation: the mean colour of the
    image, not black; it changes the image's statistics less.
    """
    return _probabilities(net, _mixtures(image, _plain(image), heatmap, steps), index)


@torch.inference_mode()
def insertion_curve(net: nn.Module, image: Tensor, index: int, heatmap: Tensor, steps: int) -> Tensor:
    """Probabilities while the hottest pixels come back into the blurred image, float32 (steps + 1,).

    Arguments and source as for `deletion_curve`; the higher the curve, the better.
    """
    sigma = BLUR * max(image.shape[-2:])
    height, width = image.shape[-2:]
    # The image is mirrored at its border: of a thin one, there is no more to mirror than it has.
    sizes = [min(2 * round(2 * sigma), 2 * (side - 1)) + 1 for side in (width, height)]
    blurred = transforms.gaussian_blur(image, sizes, [sigma, sigma])
    return _probabilities(net, _mixtures(blurred, image, heatmap, steps), index)


def area_under(curve: Tensor) -> float:
    """Area under a curve of equal steps over [0, 1], by trapezoids."""
    return float(torch.trapezoid(curve.double(), dx=1 / (len(curve) - 1)))


@torch.inference_mode()
def probability_drops(
    net: nn.Module, image: Tensor, index: int, heatmap: Tensor, share: float, generator: torch.Generator
) -> tuple[float, float]:
    """How far the probability falls without the hottest `share` of the pixels, and without a random share.

    The random part has the same shape: it is the hottest part, moved round the image by a random offset.
    Erased pixels have the image's mean colour.
    """
    height, width = heatmap.shape
    down, across = (int(torch.randint(side, (), generator=generator)) for side in (height, width))
    hottest = _order(heatmap) < share * heatmap.numel()
    moved = hottest.roll((down, across), (0, 1))
    views = torch.stack([image, *(torch.where(part, _plain(image), image) for part in (hottest, moved))])
    whole, without_hottest, without_random = _probabilities(net, views, index).tolist()
    return whole - without_hottest, whole - without_random


def inpaint(image: ImageArray, part: NDArray[np.bool_]) -> ImageArray | None:
    """The image with `part` (H, W) and a margin around it painted over from its surroundings.

    None where that is the whole image: nothing is left to paint from, and OpenCV would give the image itself.

    Source: Telea 2004, J. Graphics Tools 9(1), by OpenCV.
    """
    reach = max(1, round(MARGIN * max(part.shape)))
    wider = cv2.dilate(part.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    if wider.all():
        return None
    painted = cv2.inpaint(np.ascontiguousarray(image), wider, INPAINT_RADIUS, cv2.INPAINT_TELEA)
    return np.asarray(painted, np.uint8)


def with_random_weights(net: nn.Module, seed: int, *, only: nn.Module | None = None) -> nn.Module:
    """A copy of `net` in eval mode with new weights drawn from `seed`, in all layers or in the module `only`.

    A heatmap that stays the same shows the image, not the model.

    Source: the model parameter randomisation test of Adebayo et al. 2018, arXiv:1810.03292, section 3.
    """
    names = {id(module): name for name, module in net.named_modules()}
    randomized = copy.deepcopy(net)
    part = randomized if only is None else randomized.get_submodule(names[id(only)])
    with torch.random.fork_rng():  # new weights are drawn from torch's global generator
        torch.manual_seed(seed)
        for module in part.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    return randomized.eval()


def rank_correlation(first: Tensor, second: Tensor) -> float:
    """Spearman's correlation of two maps of one shape; equal values share a mean rank. NaN if one is flat."""
    ranks = torch.stack([_ranks(first.flatten()), _ranks(second.flatten())])
    ranks -= ranks.mean(1, keepdim=True)
    scale = ranks.norm(dim=1).prod()
    return float((ranks[0] * ranks[1]).sum() / scale) if scale > 0 else float("nan")


def _ranks(values: Tensor) -> Tensor:
    ordered = values.sort().values.contiguous()
    below = torch.searchsorted(ordered, values, side="left")
    return (below + torch.searchsorted(ordered, values, side="right") - 1).double() / 2


def _mixtures(before: Tensor, after: Tensor, heatmap: Tensor, steps: int) -> Tensor:
    """`before` with 0, 1/steps, ... 1 of the pixels from `after`, hottest first: (steps + 1, 3, H, W)."""
    order = _order(heatmap)
    parts = [order < heatmap.numel() * step / steps for step in range(steps + 1)]
    return torch.stack([torch.where(part, after, before) for part in parts])


def _order(heatmap: Tensor) -> Tensor:
    """Rank of each pixel from the hottest on, int64 (H, W); equal values in reading order."""
    pixels = heatmap.flatten().argsort(descending=True, stable=True)
    return pixels.argsort().view(heatmap.shape)  # the inverse of the permutation


def _plain(image: Tensor) -> Tensor:
    return image.mean((-2, -1), keepdim=True).expand_as(image)


def _probabilities(net: nn.Module, images: Tensor, index: int) -> Tensor:
    probabilities: Tensor = net(images).float().sigmoid()[:, index]
    return probabilities
