"""Heatmaps of several scales and flips, fused."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

STRIDE = 4  # pixels of the working picture per cell of a stored heatmap

# Images (N, 3, h, w) in [0, 1] -> for each method, maps (N, P, h', w') of any positive scale.
MapMaker = Callable[[Tensor], dict[str, Tensor]]


def grid_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the heatmap of a working picture, in cells."""
    return -(-height // STRIDE), -(-width // STRIDE)


def fuse(
    make_maps: MapMaker, pyramid: Sequence[Tensor], size: tuple[int, int], *, flip: bool
) -> dict[str, Tensor]:
    """Sum of the positive parts over all scales and flips, each class map divided by its maximum at the end.

    A division before the sum would destroy the proportions between the scales. With `flip`, the result is
    exactly equivariant: the map of the mirrored pictures is the mirrored map.

    Args:
        pyramid: the same pictures at every scale, each (N, 3, h, w).
        size: height and width of the result, in cells.

    Returns:
        For each method, float32 (N, P, *size) in [0, 1]; a map without positive heat stays 0.

    Raises:
        ArithmeticError: a map is not finite.
    """
    total: dict[str, Tensor] = {}
    for images in pyramid:
        maps = _positive(make_maps(images), size)
        if flip:
            mirrored = _positive(make_maps(images.flip(-1)), size)
            maps = {method: heat + mirrored[method].flip(-1) for method, heat in maps.items()}
        total = {method: total[method] + heat if total else heat for method, heat in maps.items()}
    return {method: normalise(heat) for method, heat in total.items()}


def add_depths(maps: Mapping[str, Tensor], methods: Sequence[str]) -> dict[str, Tensor]:
    """The map of each method plus all maps that belong to none, divided by its maximum.

    Args:
        maps: float32 (N, P, h, w) in [0, 1], of `methods` and of earlier layers.
    """
    earlier = [heat for name, heat in maps.items() if name not in methods]
    if not earlier:
        return dict(maps)
    return {method: normalise(maps[method] + torch.stack(earlier).sum(0)) for method in methods}


def normalise(heat: Tensor) -> Tensor:
    """Divide each non-negative map (..., h, w) by its maximum; an all-zero map stays zero.

    Raises:
        ArithmeticError: a map is not finite.
    """
    peak = heat.amax((-2, -1), keepdim=True)
    if not peak.isfinite().all():  # NaN is the maximum wherever there is one
        raise ArithmeticError("a heatmap is not finite: check the weights of the network")
    return heat / torch.where(peak > 0, peak, 1)


def _positive(maps: dict[str, Tensor], size: tuple[int, int]) -> dict[str, Tensor]:
    return {
        method: functional.interpolate(heat, size, mode="bilinear", align_corners=False).relu_()
        for method, heat in maps.items()
    }
