"""Runs a maker of heatmaps over scales and flips and sums the maps; adds the maps of earlier layers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.heatmaps.class_maps import ClassMaps

# Images (N, 3, h, w) in [0, 1] -> for each method, maps (N, P, h', w') of any positive scale.
MapMaker = Callable[[Tensor], dict[str, Tensor]]
DepthsMaker = Callable[[Tensor], ClassMaps]  # the same, and maps of earlier layers

EACH, TOGETHER = (-2, -1), (-3, -2, -1)  # whose maximum divides: that of a map, of all maps of an image


def fuse(
    make_maps: MapMaker, pyramid: Sequence[Tensor], size: tuple[int, int], *, flip: bool
) -> dict[str, Tensor]:
    """Sum of the positive parts over all scales and flips; at the end each map is divided by its maximum.

    A division before the sum would destroy the proportions between the scales. With `flip`, the map of the
    mirrored images is exactly the mirrored map.

    Args:
        pyramid: the same images at every scale, each (N, 3, h, w).
        size: height and width of the result, in cells.

    Returns:
        For each method, float32 (N, P, *size) in [0, 1]; a map without positive values stays 0.

    Raises:
        ArithmeticError: a map is not finite.
    """
    return fuse_depths(lambda images: ClassMaps(make_maps(images), ()), pyramid, size, flip=flip).maps


def fuse_depths(
    make_maps: DepthsMaker,
    pyramid: Sequence[Tensor],
    size: tuple[int, int],
    *,
    flip: bool,
    peaks: tuple[int, ...] = EACH,
) -> ClassMaps:
    """`fuse` for the maps of each method and of each earlier layer; they stay apart."""
    total: ClassMaps | None = None
    for images in pyramid:
        maps = _each(lambda heatmaps: _positive(heatmaps, size), make_maps(images))
        if flip:
            mirrored = make_maps(images.flip(-1))
            maps = _sum(maps, _each(lambda heatmaps: _positive(heatmaps, size).flip(-1), mirrored))
        total = _sum(total, maps) if total else maps
    if total is None:
        raise ValueError("expected images at one scale at least, got none")
    return _each(partial(normalise, peaks=peaks), total)


def add_depths(maps: ClassMaps, peaks: tuple[int, ...] = EACH) -> dict[str, Tensor]:
    """The map of each method plus the maps of all earlier layers, of one size, divided by its maximum."""
    if not maps.earlier:
        return maps.maps
    earlier = torch.stack(maps.earlier).sum(0)
    return {method: normalise(heatmaps + earlier, peaks) for method, heatmaps in maps.maps.items()}


def normalise(heatmaps: Tensor, peaks: tuple[int, ...] = EACH) -> Tensor:
    """Each non-negative map (..., h, w) divided by its maximum; a map of zeros stays 0.

    Args:
        peaks: `EACH`, or `TOGETHER`: the maps (..., P, h, w) of an image are divided by one maximum.
    """
    return heatmaps / _peak(heatmaps, peaks)


def evened(heatmaps: Tensor) -> Tensor:
    """Maps (..., P, h, w) in [0, 1], each divided by the square root of its maximum.

    Of maps that have one maximum in common, a weak one stays below a strong one, but not as far: half way, on
    the scale of ratios, to a maximum of 1 for each.
    """
    return heatmaps / _peak(heatmaps, EACH).sqrt()


def _peak(heatmaps: Tensor, dims: tuple[int, ...]) -> Tensor:
    """The maximum over some dimensions, of size 1 there; 1 where it is 0."""
    peak = heatmaps.amax(dims, keepdim=True)
    if not peak.isfinite().all():  # NaN is the maximum wherever there is one
        raise ArithmeticError("a heatmap is not finite: check the weights of the network")
    return torch.where(peak > 0, peak, 1)


def _positive(heatmaps: Tensor, size: tuple[int, int]) -> Tensor:
    return functional.interpolate(heatmaps, size, mode="bilinear", align_corners=False).relu_()


def _each(function: Callable[[Tensor], Tensor], maps: ClassMaps) -> ClassMaps:
    by_method = {method: function(heatmaps) for method, heatmaps in maps.maps.items()}
    return replace(maps, maps=by_method, earlier=tuple(map(function, maps.earlier)))


def _sum(first: ClassMaps, second: ClassMaps) -> ClassMaps:
    by_method = {method: heatmaps + second.maps[method] for method, heatmaps in first.maps.items()}
    earlier = tuple(a + b for a, b in zip(first.earlier, second.earlier, strict=True))
    return replace(first, maps=by_method, earlier=earlier)
