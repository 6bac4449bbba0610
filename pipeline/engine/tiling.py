"""A network on large images, tile by tile: its memory is that of one tile, however large the images are."""

from collections.abc import Callable, Sequence

from torch import Tensor

from pipeline.base.tile_spans import TileSpan, image_tiles, largest_tile
from pipeline.errors import UserError


def map_tiles(
    images: Tensor, tile: int | None, function: Callable[[Tensor], Sequence[Tensor]]
) -> list[Tensor]:
    """The maps that `function` makes of images, computed tile by tile and joined.

    Each cell comes from the tile that stands for it. It is that of the whole images where all that it depends
    on lies in this tile or in the 32 pixels around it.

    Args:
        images: (N, 3, H, W).
        tile: side of a tile in pixels, without these 32; None: images are not cut.
        function: images (N, 3, h, w) -> maps (N, ..., ceil(h / s), ceil(w / s)), each of its own stride s, a
            power of two up to 32.

    Raises:
        UserError: a map has another size.
    """
    height, width = images.shape[-2:]
    if tile is None or max(height, width) <= largest_tile(tile):
        return list(function(images))
    joined: list[Tensor] = []
    for rows, columns in image_tiles(height, width, tile):
        maps = function(images[..., rows.seen, columns.seen])
        strides = [_stride(of_tile, rows, columns) for of_tile in maps]
        if not joined:
            joined = [
                of_tile.new_empty((*of_tile.shape[:-2], -(-height // stride), -(-width // stride)))
                for of_tile, stride in zip(maps, strides, strict=True)
            ]
        for whole, of_tile, s in zip(joined, maps, strides, strict=True):
            whole[..., rows.own(s), columns.own(s)] = of_tile[..., rows.inner(s), columns.inner(s)]
    return joined


def _stride(of_tile: Tensor, rows: TileSpan, columns: TileSpan) -> int:
    """Pixels of a cell."""
    sides, cells = [span.stop - span.start for span in (rows, columns)], list(of_tile.shape[-2:])
    for stride in (1, 2, 4, 8, 16, 32):
        if cells == [-(-side // stride) for side in sides]:
            return stride
    raise UserError(
        f"data.tiles: expected a network with a cell for each 1, 2, 4, 8, 16 or 32 pixels, got {cells} cells "
        f"for a tile of {sides} pixels. Take another encoder, or set data.tiles: 1"
    )
