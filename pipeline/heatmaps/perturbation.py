"""What a classifier's score does when parts of an image are taken away: is the heat where it looks?

The networks take images float32 (3, H, W) in [0, 1] and give logits (N, C); scores are their sigmoid, since
an image may show several classes.
"""

import copy
from collections.abc import Iterator
from contextlib import contextmanager

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchvision.transforms.v2 import functional as transforms

from pipeline.data.images import ImageArray

BLUR = 0.05  # of the long side: standard deviation of the blur that insertion starts from
MARGIN = 0.03  # of the long side: what is painted over around an object, its outline and shadow
INPAINT_RADIUS = 5  # pixels


@torch.inference_mode()
def deletion_curve(net: nn.Module, image: Tensor, index: int, heat: Tensor, steps: int) -> Tensor:
    """Scores while the hottest pixels are replaced by the image's mean colour, float32 (steps + 1,).

    The first entry is the whole image's score, the last that of a plain colour. The lower the curve, the
    better the heat names what the score rests on.

    Args:
        net: in eval mode.
        image: (3, H, W) in [0, 1].
        index: of the class.
        heat: (H, W).
        steps: the pixels go in `steps` equal parts.

    Source: RISE, Petsiuk et al. 2018, arXiv:1806.07421, section 4.1. Deviation: the mean colour of the
    image, not black; it changes the image's statistics less.
    """
    plain = image.mean((-2, -1), keepdim=True).expand_as(image)
    return _scores(net, _mixtures(image, plain, heat, steps), index)


@torch.inference_mode()
def insertion_curve(net: nn.Module, image: Tensor, index: int, heat: Tensor, steps: int) -> Tensor:
    """Scores while the hottest pixels come back into the blurred image, float32 (steps + 1,).

    Arguments and source as for `deletion_curve`; the higher the curve, the better.
    """
    sigma = BLUR * max(image.shape[-2:])
    size = 2 * round(2 * sigma) + 1
    blurred = transforms.gaussian_blur(image, [size, size], [sigma, sigma])
    return _scores(net, _mixtures(blurred, image, heat, steps), index)


def area_under(curve: Tensor) -> float:
    """Area under a curve of equal steps over [0, 1], by trapezoids."""
    return float(torch.trapezoid(curve.double(), dx=1 / (len(curve) - 1)))


@torch.inference_mode()
def score_drops(
    net: nn.Module, image: Tensor, index: int, heat: Tensor, share: float, generator: torch.Generator
) -> tuple[float, float]:
    """How far the score falls when the hottest `share` of the pixels is erased, and a random such share.

    The random part has the same shape: it is the hottest part, moved round the image by a random offset.
    Erased pixels have the image's mean colour.
    """
    height, width = heat.shape
    down, across = (int(torch.randint(side, (), generator=generator)) for side in (height, width))
    plain = image.mean((-2, -1), keepdim=True).expand_as(image)
    hottest = _order(heat) < share * heat.numel()
    moved = hottest.roll((down, across), (0, 1))
    views = torch.stack([image, *(torch.where(part, plain, image) for part in (hottest, moved))])
    whole, hot, random = _scores(net, views, index).tolist()
    return whole - hot, whole - random


def paint_over(image: ImageArray, part: NDArray[np.bool_]) -> ImageArray:
    """The image with `part` and a margin around it painted over from its surroundings.

    Args:
        image: RGB uint8 (H, W, 3).
        part: (H, W).

    Source: Telea 2004, J. Graphics Tools 9(1), by OpenCV.
    """
    reach = max(1, round(MARGIN * max(part.shape)))
    wider = cv2.dilate(part.astype(np.uint8), np.ones((2 * reach + 1, 2 * reach + 1), np.uint8))
    painted = cv2.inpaint(np.ascontiguousarray(image), wider, INPAINT_RADIUS, cv2.INPAINT_TELEA)
    return np.asarray(painted, np.uint8)


def with_random_weights(net: nn.Module, seed: int, *, only: nn.Module | None = None) -> nn.Module:
    """A copy of `net` in eval mode whose layers, or those of its module `only`, start anew from `seed`.

    A heatmap that stays the same shows the image, not the model.

    Source: the model parameter randomisation test of Adebayo et al. 2018, arXiv:1810.03292, section 3.
    """
    names = {id(module): name for name, module in net.named_modules()}
    twin = copy.deepcopy(net)
    part = twin if only is None else twin.get_submodule(names[id(only)])
    with _seeded(seed):
        for module in part.modules():
            reset = getattr(module, "reset_parameters", None)
            if callable(reset):
                reset()
    return twin.eval()


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


def _mixtures(before: Tensor, after: Tensor, heat: Tensor, steps: int) -> Tensor:
    """`before` with 0, 1/steps, ... 1 of the pixels from `after`, hottest first: (steps + 1, 3, H, W)."""
    order = _order(heat)
    parts = [order < heat.numel() * step / steps for step in range(steps + 1)]
    return torch.stack([torch.where(part, after, before) for part in parts])


def _order(heat: Tensor) -> Tensor:
    """Place of each pixel when the hottest comes first, int64 (H, W); equal heat in reading order."""
    places = torch.empty(heat.numel(), dtype=torch.int64, device=heat.device)
    places[heat.flatten().argsort(descending=True, stable=True)] = torch.arange(
        heat.numel(), device=heat.device
    )
    return places.view(heat.shape)


def _scores(net: nn.Module, images: Tensor, index: int) -> Tensor:
    scores: Tensor = net(images).float().sigmoid()[:, index]
    return scores


@contextmanager
def _seeded(seed: int) -> Iterator[None]:
    """Initialisation draws from torch's global generator: seed it for the block, then give it back."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        yield
