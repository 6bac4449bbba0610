"""Prediction for images much larger than the working size, in overlapping tiles."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.arrays import Probabilities
from pipeline.data.images import ImageArray, Mask

Window = NDArray[np.float32]  # (H,)
IdChoice = Callable[[Probabilities], Mask]  # float32 (L, h, w) -> uint8 (h, w)
Predictor = Callable[[ImageArray], Probabilities]  # RGB uint8 (h, w, 3) -> float32 (L, h, w)

OVERLAP = 4  # tiles share a quarter of their side


@dataclass(frozen=True)
class Span:
    """A tile along one side of the image, in pixels."""

    start: int
    stop: int
    window: Window  # (stop - start,) in (0, 1]


def most_probable(probabilities: Probabilities) -> Mask:
    """The most probable id of each pixel of probabilities (L, H, W), uint8 (H, W)."""
    return np.asarray(probabilities.argmax(0), np.uint8)


def predict_tiled(
    probabilities: Predictor, image: ImageArray, tile: int, decide: IdChoice = most_probable
) -> Mask:
    """The id of every pixel, uint8 (H, W), from the probabilities of overlapping tiles.

    Where tiles overlap, their probabilities are averaged with a window that falls smoothly to their edges, so
    that no seams show. The memory of the network is that of one tile. Probabilities are kept where rows of
    tiles overlap: L x W x about a quarter of `tile`, float32. The decoded image and the mask are whole.

    Args:
        decide: makes ids of probabilities; it is called once for each part of the image, from top to bottom.

    Raises:
        ValueError: `tile`, the longest side of a tile, is less than 8 pixels.
    """
    height, width = image.shape[:2]
    mask = np.zeros((height, width), np.uint8)
    rows, columns = spans(height, tile), spans(width, tile)
    above: list[
        Probabilities
    ] = []  # of the row before, from the start of this row on; a piece for each column
    for row, end in zip(rows, _ends(rows), strict=True):
        below = []
        for i, (column, total) in enumerate(weigh_row(probabilities, image, row, columns)):
            if above:
                total[:, : above[i].shape[1]] += above[i]
            stop, decided = column + total.shape[2], total[:, : end - row.start]
            mask[row.start : end, column:stop] = decide(decided / decided.sum(0))
            below.append(total[:, end - row.start :].copy())
        above = below
    return mask


def weigh_row(
    probabilities: Predictor, image: ImageArray, row: Span, columns: Sequence[Span]
) -> Iterator[tuple[int, Probabilities]]:
    """Probabilities of one row of tiles times their windows, summed; from left to right, in pieces.

    A piece is the column that it starts at, and float32 (L, rows of the span, columns of the piece). It ends
    where the next tile starts: no later tile adds to it.
    """
    rest: Probabilities | None = None  # of the tiles before, from the start of this one on
    for column, end in zip(columns, _ends(columns), strict=True):
        tile = probabilities(image[row.start : row.stop, column.start : column.stop])
        total = tile * (row.window[:, None] * column.window)
        if rest is not None:
            total[:, :, : rest.shape[2]] += rest
        yield column.start, total[:, :, : end - column.start]
        rest = total[:, :, end - column.start :]


def _ends(tiles: Sequence[Span]) -> list[int]:
    """Where the pixels end that no later tile reaches; for the last tile, its own end."""
    return [*(following.start for following in tiles[1:]), tiles[-1].stop]


def tile_count(image: ImageArray, tile: int) -> int:
    """How many tiles `predict_tiled` takes."""
    height, width = image.shape[:2]
    return len(spans(height, tile)) * len(spans(width, tile))


def spans(side: int, tile: int) -> list[Span]:
    """Tiles that cover `side` pixels: of equal length, evenly spread, at least a quarter of it shared."""
    if tile < 2 * OVERLAP:
        raise ValueError(f"Expected tiles of at least {2 * OVERLAP} pixels, got {tile}")
    length = min(tile, side)
    step = tile - tile // OVERLAP
    count = 1 + -(-max(0, side - tile) // step)
    starts = np.linspace(0, side - length, count).round().astype(int).tolist()
    return [Span(start, start + length, smooth_window(length, tile // OVERLAP)) for start in starts]


def smooth_window(length: int, ramp: int) -> Window:
    """1 in the middle, falling as sin^2 over `ramp` pixels to nearly 0 at either end: float32 (length,).

    Two ramps that lie on each other add up to 1, since sin^2 + cos^2 = 1.
    """
    distance = np.minimum(np.arange(length), np.arange(length)[::-1]) + 0.5  # pixels from the nearer end
    rising = np.sin(np.pi / 2 * np.minimum(1, distance / ramp)) ** 2
    return np.asarray(rising, np.float32)
