"""Heatmaps of several scales and flips, fused."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.heatmaps.class_maps import ClassMaps

STRIDE = 4  # pixels of the working image per cell of a stored heatmap

# Images (N, 3, h, w) in [0, 1] -> for each method, maps (N, P, h', w') of any positive scale.
MapMaker = Callable[[Tensor], dict[str, Tensor]]
DepthsMaker = Callable[[Tensor], ClassMaps]  # the same, and maps of earlier layers


def grid_size(height: int, width: int) -> tuple[int, int]:
    """Height and width of the heatmap of a working image, in cells."""
    return -(-height // STRIDE), -(-width // STRIDE)


def fuse(
    make_maps: MapMaker, pyramid: Sequence[Tensor], size: tuple[int, int], *, flip: bool
) -> dict[str, Tensor]:
    """Sum of the positive parts over all scales and flips, each class map divided by its maximum at the end.

    A division before the sum would destroy the proportions between the scales. With `flip`, the result is
    exactly equivariant: the map of the mirrored images is the mirrored map.

    Args:
        pyramid: the same images at every scale, each (N, 3, h, w).
        size: height and width of the result, in cells.

    Returns:
        For each method, float32 (N, P, *size) in [0, 1]; a map without positive heat stays 0.

    Raises:
        ArithmeticError: a map is not finite.
    """
    return fuse_depths(lambda images: ClassMaps(make_maps(images), ()), pyramid, size, flip=flip).maps


def fuse_depths(
    make_maps: DepthsMaker, pyramid: Sequence[Tensor], size: tuple[int, int], *, flip: bool
) -> ClassMaps:
    """`fuse` of the maps by each method and of those of each earlier layer, every one by itself."""
    total: ClassMaps | None = None
    for images in pyramid:
        found = _each(lambda heat: _positive(heat, size), make_maps(images))
        if flip:
            mirrored = _each(lambda heat: _positive(heat, size).flip(-1), make_maps(images.flip(-1)))
            found = _sum(found, mirrored)
        total = _sum(total, found) if total else found
    if total is None:
        raise ValueError("expected images at one scale at least, got none")
    return _each(normalise, total)


def add_depths(found: ClassMaps) -> dict[str, Tensor]:
    """The map of each method plus those of all earlier layers, divided by its maximum.

    Args:
        found: maps float32 (N, P, h, w) in [0, 1], all of one size.
    """
    if not found.earlier:
        return found.maps
    earlier = torch.stack(found.earlier).sum(0)
    return {method: normalise(heat + earlier) for method, heat in found.maps.items()}


def normalise(heat: Tensor) -> Tensor:
    """Divide each non-negative map (..., h, w) by its maximum; an all-zero map stays zero.

    Raises:
        ArithmeticError: a map is not finite.
    """
    peak = heat.amax((-2, -1), keepdim=True)
    if not peak.isfinite().all():  # NaN is the maximum wherever there is one
        raise ArithmeticError("a heatmap is not finite: check the weights of the network")
    return heat / torch.where(peak > 0, peak, 1)


def _positive(heat: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(heat, size, mode="bilinear", align_corners=False).relu_()


def _each(function: Callable[[Tensor], Tensor], found: ClassMaps) -> ClassMaps:
    maps = {method: function(heat) for method, heat in found.maps.items()}
    return replace(found, maps=maps, earlier=tuple(function(heat) for heat in found.earlier))


def _sum(one: ClassMaps, other: ClassMaps) -> ClassMaps:
    maps = {method: heat + other.maps[method] for method, heat in one.maps.items()}
    earlier = tuple(a + b for a, b in zip(one.earlier, other.earlier, strict=True))
    return replace(one, maps=maps, earlier=earlier)
