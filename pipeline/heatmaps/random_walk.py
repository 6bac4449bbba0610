"""A random walk with restart that spreads a heatmap over what looks alike to the classifier."""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.resize import resize
from pipeline.heatmaps.multi_scale import EACH, normalise
from pipeline.params import WalkParams

SHORTEST = 1e-4  # of the longest in an image: a shorter vector has no direction
PLAIN = 1e-5  # of the features: cells of a plain image differ by less, that is by rounding

Size = tuple[int, int]


def walk_size(height: int, width: int, cells: int) -> Size:
    """Rows and columns of a grid with the sides' proportion, not above them, of at most `cells` cells."""
    factor = min(1.0, (cells / (height * width)) ** 0.5)
    rows, columns = max(1, int(height * factor)), max(1, int(width * factor))
    return min(rows, cells // columns or 1), min(columns, cells // rows or 1)


def affinities(
    pyramid: Sequence[Tensor], size: Size, power: float, outer: Tensor | None = None, share: float = 0.5
) -> Tensor:
    """How alike the cells of each image are to the classifier, float32 (N, M, M) in [0, 1], symmetric.

    a_ij = relu(s_ij)^power. s_ij is the cosine of the features of cells i and j, less their mean over all
    cells; mean over the depths. Depths without channels are skipped. A cell that is like no cell, not even
    itself, is made like itself.

    Args:
        pyramid: features of the same images at several depths, each (N, K, h, w) of its own K, h and w.
        size: height and width of the walk's grid, M cells.
        power: above 0; the higher, the more alike two cells have to be.
        outer: features (N, K, h, w) of another encoder; s_ij is then the mean of both, of which they have
            the weight `share`.

    Source: the affinity of PSA, Ahn and Kwak 2018, arXiv:1803.10464, eq. 2 and 5. Deviation: the classifier's
    own features instead of trained ones, and the whole image instead of a radius.
    """
    alike = _similarity(pyramid, size)
    if outer is not None:
        alike = alike.lerp_(_similarity([outer], size), share)
    affinity = alike.clamp_(min=0).pow_(power)
    return affinity + torch.diag_embed((affinity.sum(2) == 0).to(affinity.dtype))


def spread(heatmaps: Tensor, affinity: Tensor, size: Size, restart: float) -> Tensor:
    """Where the walk is in the long run: y = restart (1 - (1 - restart) P)^-1 heatmap, solved exactly.

    The step from cell i goes to cell j with probability P_ij = a_ij / d_i, d_i = sum_j a_ij. Times d, the
    system is D - (1 - restart) A. It is symmetric. It is positive definite, since each diagonal entry exceeds
    the rest of its row.

    Args:
        heatmaps: float32 (N, P, h, w), not negative.
        affinity: A, (N, M, M), of `affinities` on a grid of `size`.
        restart: in (0, 1].

    Returns:
        float32 (N, P, h, w), not negative.

    Source: random walk with restart, Pan et al. 2004, KDD, doi:10.1145/1014052.1014135, eq. 1.
    """
    cells = resize(heatmaps, size).flatten(2).transpose(1, 2)
    degrees = affinity.sum(2, keepdim=True)
    factor = torch.linalg.cholesky(torch.diag_embed(degrees[..., 0]) - (1 - restart) * affinity)
    # The solution is not negative, but rounding may make it so.
    solution = torch.cholesky_solve(restart * degrees * cells, factor).clamp_(min=0).transpose(1, 2)
    return functional.interpolate(
        solution.reshape(*solution.shape[:2], *size),
        heatmaps.shape[-2:],
        mode="bilinear",
        align_corners=False,
    )


def walk(
    heatmaps: dict[str, Tensor],
    pyramid: Sequence[Tensor],
    params: WalkParams,
    peaks: tuple[int, ...] = EACH,
    outer: Tensor | None = None,
) -> dict[str, Tensor]:
    """`spread` for the maps of every method, float32 (N, P, h, w) in [0, 1]; they share the affinities.

    Args:
        peaks: which maximum divides, see `normalise`; a map of zeros stays 0.
        outer: features of another encoder, see `affinities`.
    """
    height, width = next(iter(heatmaps.values())).shape[-2:]
    size = walk_size(height, width, params.cells)
    together = torch.cat(list(heatmaps.values()), 1)  # one system to solve for all methods
    affinity = affinities(pyramid, size, params.power, outer, params.share)
    maps = spread(together, affinity, size, params.restart)
    by_method = zip(heatmaps, maps.chunk(len(heatmaps), 1), strict=True)
    return {method: normalise(of_method, peaks) for method, of_method in by_method}


def _similarity(pyramid: Sequence[Tensor], size: Size) -> Tensor:
    """Cosines of the centred features of all pairs of cells, mean over the depths: (N, M, M)."""
    depths = [_directions(features, size) for features in pyramid if features.shape[1]]
    cells = torch.cat(depths, 1)
    return cells.transpose(1, 2) @ cells / len(depths)


def _directions(features: Tensor, size: Size) -> Tensor:
    """Features of every cell of the grid, centred over the cells, of length 1; 0 at the mean: (N, K, M)."""
    cells = _fewer_channels(features.float())
    if cells.shape[-2] > size[0]:
        cells = resize(cells, size)
    else:
        cells = functional.interpolate(cells, size, mode="bilinear", align_corners=False)
    flat = cells.flatten(2)
    centred = flat - flat.mean(2, keepdim=True)
    length, whole = (vectors.norm(dim=1, keepdim=True) for vectors in (centred, flat))
    longest = length.amax(2, keepdim=True)
    # A cell at the mean has no direction, and none has where all are alike: rounding must not give it one.
    has_direction = (length > SHORTEST * longest) & (longest > PLAIN * whole.amax(2, keepdim=True))
    return torch.where(has_direction, centred / length, 0)


def _fewer_channels(features: Tensor) -> Tensor:
    """Features (N, K, h, w) in at most h w channels, turned: all products of two cells stay the same."""
    height, width = features.shape[-2:]
    if features.shape[1] <= height * width:
        return features
    turned: Tensor = torch.linalg.qr(features.flatten(2), mode="r").R
    return turned.reshape(*turned.shape[:2], height, width)
