"""Tiles of large images: each pixel is stood for once, and tiles begin at cells."""

import numpy as np
import pytest

from pipeline.base.tile_spans import MARGIN, image_tiles, largest_tile

SIZES = [(480, 480, 160), (370, 481, 100), (33, 1000, 96), (7, 5, 32)]


@pytest.mark.parametrize(("height", "width", "tile"), SIZES)
def test_each_pixel_belongs_to_one_tile(height: int, width: int, tile: int) -> None:
    owners = np.zeros((height, width), int)
    for rows, columns in image_tiles(height, width, tile):
        owners[rows.own(), columns.own()] += 1
        assert owners[rows.seen, columns.seen].shape == (rows.stop - rows.start, columns.stop - columns.start)
        assert max(rows.stop - rows.start, columns.stop - columns.start) <= largest_tile(tile)
    assert (owners == 1).all()


@pytest.mark.parametrize(("height", "width", "tile"), SIZES)
def test_the_cells_of_a_tile_are_those_of_the_image(height: int, width: int, tile: int) -> None:
    image = np.arange(height * width).reshape(height, width)
    for stride in (1, 4, 32):
        cells = image[::stride, ::stride]
        for rows, columns in image_tiles(height, width, tile):
            of_tile = image[rows.seen, columns.seen][::stride, ::stride]
            own = cells[rows.own(stride), columns.own(stride)]
            assert np.array_equal(of_tile[rows.inner(stride), columns.inner(stride)], own)


@pytest.mark.parametrize("side", [161, 320, 500])
def test_tiles_see_a_margin_but_nothing_beyond_the_image(side: int) -> None:
    tiles = list(image_tiles(side, 10, 160))
    assert tiles[0][0].start == 0
    assert tiles[-1][0].stop == side
    assert all(rows.start == rows.first - MARGIN for rows, _ in tiles[1:])
    assert all(rows.stop == min(side, rows.last + MARGIN) for rows, _ in tiles)
