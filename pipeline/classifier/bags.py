"""Training on bags: the tiles of an image, of which nobody says which ones show its labels."""

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from pipeline.classifier.network import Classifier, logits_of_cells, pool_cells, top_count


def bag_logits(net: Classifier, images: Tensor, tiles: int, at_once: int) -> Tensor:
    """Logits float32 (N, C) of images, pooled over the cells of all of their tiles; its gradients are exact.

    A first pass without gradients finds the tiles that hold top cells. The second takes these alone. Either
    holds the activations of `at_once` tiles only, since the second is computed again in the backward pass.

    Args:
        net: its BatchNorm is frozen, so that a tile does not depend on its neighbours.
        images: float32 (N, 3, H, W) in [0, 1]; `tiles` divides both sides.
        tiles: along a side; they do not overlap.
    """
    cut, split = cut_tiles(images, tiles), (len(images), tiles**2)
    with torch.no_grad():
        cells = torch.cat([_cells(net, part) for part in torch.split(cut, at_once)])
    needed = hold_top_cells(net, cells.reshape(*split, *cells.shape[1:])).flatten().nonzero()[:, 0]
    for numbers in torch.split(needed, at_once):
        with_gradients: Tensor = checkpoint(_cells, net, cut[numbers], use_reentrant=False)
        cells = cells.index_copy(0, numbers, with_gradients)
    of_image = cells.reshape(*split, *cells.shape[1:]).transpose(1, 2).flatten(2)
    return pool_cells(of_image, net.config.pooling)


def cut_tiles(images: Tensor, tiles: int) -> Tensor:
    """Images (N, 3, H, W) as their tiles, row by row, (N tiles^2, 3, H / tiles, W / tiles)."""
    count, colours, height, width = images.shape
    rows = images.reshape(count, colours, tiles, height // tiles, tiles, width // tiles)
    return rows.permute(0, 2, 4, 1, 3, 5).flatten(0, 2)


def hold_top_cells(net: Classifier, cells: Tensor) -> Tensor:
    """Which tiles the logits depend on, bool (N, tiles^2), by the cells of each tile, (N, tiles^2, C, M)."""
    if net.config.pooling == "mean":
        return cells.new_ones(cells.shape[:2], dtype=torch.bool)
    of_image = cells.transpose(1, 2).flatten(2)
    lowest = of_image.topk(top_count(of_image.shape[2], net.config.pooling), 2).values[..., -1]
    return (cells >= lowest[:, None, :, None]).any(3).any(2)


def _cells(net: Classifier, tiles: Tensor) -> Tensor:
    """Logits of the cells of each tile, (n, C, M)."""
    return logits_of_cells(net.features(tiles)[-1], net.fc.weight, net.fc.bias).flatten(2)
