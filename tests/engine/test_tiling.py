"""Networks tile by tile: the maps of the whole image where the network sees no further than the margin."""

import pytest
import torch
from torch import Tensor, nn

from pipeline.base.tile_spans import largest_tile
from pipeline.engine.tiling import map_tiles
from pipeline.errors import UserError


def net(stride: int) -> nn.Module:
    """A cell for each `stride` pixels that sees at most 31 pixels beyond them."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 4, 2 * stride - 1 if stride > 1 else 3, stride, stride - 1 if stride > 1 else 1)]
    return nn.Sequential(*layers).double().eval()


@pytest.mark.parametrize("size", [(160, 224), (225, 351), (70, 400)])
@pytest.mark.parametrize("stride", [1, 4, 32])
def test_joined_maps_are_those_of_the_whole_image(size: tuple[int, int], stride: int) -> None:
    images = torch.rand(2, 3, *size, dtype=torch.float64)
    with torch.no_grad():
        whole = net(stride)(images)
        (joined,) = map_tiles(images, 64, lambda tiles: [net(stride)(tiles)])
    assert joined.shape == whole.shape
    torch.testing.assert_close(joined, whole, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("height", "width", "tile"), [(300, 200, 64), (1000, 90, 96), (257, 257, 32)])
def test_no_tile_is_larger_than_the_largest(height: int, width: int, tile: int) -> None:
    seen: list[int] = []

    def function(tiles: Tensor) -> list[Tensor]:
        seen.append(max(tiles.shape[-2:]))
        return [tiles, tiles[..., ::2, ::2]]

    images = torch.rand(1, 3, height, width)
    same, half = map_tiles(images, tile, function)
    assert torch.equal(same, images)
    assert torch.equal(half, images[..., ::2, ::2])
    assert len(seen) > 1
    assert max(seen) <= largest_tile(tile)


@pytest.mark.parametrize("tile", [None, 64, 96])
def test_small_images_are_not_cut(tile: int | None) -> None:
    images = torch.rand(1, 3, 128, 100)
    (joined,) = map_tiles(images, tile, lambda tiles: [tiles])
    assert joined is images


@pytest.mark.parametrize("cells", [3, 7, 11])
def test_maps_of_another_size_are_refused(cells: int) -> None:
    images = torch.rand(1, 3, 200, 200)
    with pytest.raises(UserError, match="tiles: expected a network with a cell"):
        map_tiles(images, 64, lambda tiles: [torch.zeros(1, 1, cells, cells + 1)])
