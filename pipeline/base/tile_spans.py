"""Where the overlapping tiles of a large image lie: networks and refiners of masks take one at a time."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

STRIDE = 32  # pixels: tiles begin at cells of the deepest feature map, as those of the whole image do
MARGIN = 32  # pixels that a tile sees beyond those that it stands for, where the image goes on


@dataclass(frozen=True)
class TileSpan:
    """A tile along one side, in pixels."""

    start: int
    stop: int
    first: int  # it stands for the pixels from here,
    last: int  # to here; the spans of a side stand for each pixel once

    @property
    def seen(self) -> slice:
        """The pixels that the tile sees."""
        return slice(self.start, self.stop)

    def own(self, stride: int = 1) -> slice:
        """What the tile stands for, in a map of the image with a cell for each `stride` pixels."""
        return slice(self.first // stride, -(-self.last // stride))

    def inner(self, stride: int = 1) -> slice:
        """The same in a map of the tile."""
        return slice((self.first - self.start) // stride, -((self.start - self.last) // stride))


def largest_tile(tile: int) -> int:
    """Pixels that tiles of this side see along it, at most."""
    return _step(tile) + 2 * MARGIN


def image_tiles(height: int, width: int, tile: int) -> Iterator[tuple[TileSpan, TileSpan]]:
    """Rows and columns of as few tiles as cover an image, row by row.

    Each stands for at most `tile` pixels along either side, rounded up to a multiple of 32.
    """
    return product(_spans(height, tile), _spans(width, tile))


def _spans(side: int, tile: int) -> list[TileSpan]:
    step = _step(tile)
    return [
        TileSpan(max(0, first - MARGIN), min(side, first + step + MARGIN), first, min(side, first + step))
        for first in range(0, side, step)
    ]


def _step(tile: int) -> int:
    return -(-tile // STRIDE) * STRIDE
