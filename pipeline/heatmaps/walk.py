"""A random walk with restart that spreads heat over what looks alike to the classifier.

A heatmap marks the part by which a class is told apart. From there the walk goes to cells of the same image
whose features are similar at all depths of the network, colours included, and with probability `restart` back
to where the heat was. Nothing is trained.
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.resize import resize
from pipeline.heatmaps.fusion import normalise
from pipeline.params import WalkParams

SHORTEST = 1e-4  # of the longest in an image: a direction that counts

Size = tuple[int, int]


def walk_size(height: int, width: int, cells: int) -> Size:
    """Rows and columns of a grid with the sides' proportion, not above them, of at most `cells` cells."""
    factor = min(1.0, (cells / (height * width)) ** 0.5)
    rows, columns = max(1, int(height * factor)), max(1, int(width * factor))
    return min(rows, cells // columns or 1), min(columns, cells // rows or 1)


def affinities(pyramid: Sequence[Tensor], size: Size, power: float) -> Tensor:
    """How alike the cells of each image are to the classifier.

    a_ij = relu(s_ij)^power, where s_ij is the mean over the depths of the cosine of cells i and j, after the
    mean over all cells was taken off the features. Depths without channels are skipped.

    Args:
        pyramid: features of the same images at several depths, each (N, K, h, w) of its own K, h and w.
        size: height and width of the walk's grid, M cells.
        power: above 0; the higher, the more alike two cells have to be.

    Returns:
        float32 (N, M, M) in [0, 1], symmetric. A cell that is like no other, not even itself, is made like
        itself.

    Source: the affinity of PSA, Ahn and Kwak 2018, arXiv:1803.10464, eq. 2 and 5, but of the classifier's own
    features instead of trained ones, over the whole image instead of a radius.
    """
    depths = [_directions(features, size) for features in pyramid if features.shape[1]]
    cells = torch.cat(depths, 1)
    alike = (cells.transpose(1, 2) @ cells / len(depths)).clamp_(min=0).pow_(power)
    return alike + torch.diag_embed((alike.sum(2) == 0).to(alike.dtype))


def spread(heat: Tensor, alike: Tensor, size: Size, restart: float) -> Tensor:
    """Where the walk is in the long run: y = restart (1 - (1 - restart) P)^-1 heat, solved exactly.

    The step from cell i goes to cell j with probability P_ij = a_ij / d_i, d_i = sum_j a_ij. Times d, the
    system is D - (1 - restart) A: symmetric and, since each diagonal entry exceeds the rest of its row,
    positive definite.

    Args:
        heat: float32 (N, P, h, w), not negative.
        alike: A, (N, M, M), see `affinities`.
        size: height and width of their grid.
        restart: in (0, 1].

    Returns:
        float32 (N, P, h, w) in [0, 1], each map divided by its maximum; a map without heat stays 0.

    Source: random walk with restart, Pan et al. 2004, KDD, doi:10.1145/1014052.1014135, eq. 1.
    """
    cells = resize(heat, size).flatten(2).transpose(1, 2)
    degrees = alike.sum(2, keepdim=True)
    factor = torch.linalg.cholesky(torch.diag_embed(degrees[..., 0]) - (1 - restart) * alike)
    # The solution is not negative: rounding below 0 would be.
    found = torch.cholesky_solve(restart * degrees * cells, factor).clamp_(min=0).transpose(1, 2)
    maps = functional.interpolate(
        found.reshape(*found.shape[:2], *size), heat.shape[-2:], mode="bilinear", align_corners=False
    )
    return normalise(maps)


def walk(heat: dict[str, Tensor], pyramid: Sequence[Tensor], params: WalkParams) -> dict[str, Tensor]:
    """`spread` for the maps of every method, float32 (N, P, h, w) each; they share the affinities."""
    height, width = next(iter(heat.values())).shape[-2:]
    size = walk_size(height, width, params.cells)
    alike = affinities(pyramid, size, params.power)
    together = torch.cat(list(heat.values()), 1)  # one system to solve for all methods
    maps = spread(together, alike, size, params.restart).chunk(len(heat), 1)
    return dict(zip(heat, maps, strict=True))


def _directions(features: Tensor, size: Size) -> Tensor:
    """Features of every cell of the grid, centred over the cells, length 1, or 0 at the mean: (N, K, M)."""
    cells = _fewer_channels(features.float())
    if cells.shape[-2] > size[0]:
        cells = resize(cells, size)
    else:
        cells = functional.interpolate(cells, size, mode="bilinear", align_corners=False)
    centred = cells.flatten(2) - cells.flatten(2).mean(2, keepdim=True)
    length = centred.norm(dim=1, keepdim=True)
    # A cell at the mean has no direction: rounding must not give it one.
    known = length > SHORTEST * length.amax(2, keepdim=True)
    return torch.where(known, centred / length, 0)


def _fewer_channels(features: Tensor) -> Tensor:
    """Features (N, K, h, w) as at most h w channels: turned, so that all products of two cells stay."""
    height, width = features.shape[-2:]
    if features.shape[1] <= height * width:
        return features
    turned: Tensor = torch.linalg.qr(features.flatten(2), mode="r").R
    return turned.reshape(*turned.shape[:2], height, width)
