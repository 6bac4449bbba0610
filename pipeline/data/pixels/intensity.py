"""From values of any kind to 8 bits, by one range of values for all images of a data set.

A summary keeps quantiles of the values of one image, dense at both ends. From the summaries of all images
come the percentiles of the whole set, whatever the order of the images.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.pixels.reading import ValueRange
from pipeline.data.pixels.stored import StoredValues

LOWEST, HIGHEST = 0.001, 0.999  # quantiles that become 0 and 255
MOST_VALUES = 2**20  # of a band that are sorted; of a larger one, every second, third, ...
ROWS = 256  # that are mapped at once: the memory does not grow with the image
_TAIL = np.geomspace(1e-4, 0.5, 32)
# Both ends, and the two quantiles that are asked for: one image, or many alike, have them exactly.
LEVELS = np.unique(np.concatenate([[0, LOWEST], _TAIL, 1 - _TAIL, [HIGHEST, 1]]).round(9))
_SHARES = np.diff(LEVELS, prepend=0)  # of the values, up to each quantile from the one before


@dataclass(frozen=True)
class ValueSummary:
    """The values of one image."""

    quantiles: tuple[tuple[float, ...], ...]  # of each band, at `LEVELS`; empty where all is invalid
    counts: tuple[int, ...]  # of each band, values that are valid
    inner: tuple[tuple[float, float], ...]  # of each band, the second lowest and second highest value
    distinct: int  # values in the first band, of those that are sorted
    window: ValueRange | None  # that the file asks for


def summary_of(stored: StoredValues) -> ValueSummary:
    """Quantiles of each band; what is invalid or fully transparent is left out."""
    bands = [_valid_values(stored, band) for band in range(stored.values.shape[-1])]
    ordered = [np.sort(_thinned(values)) for values in bands]
    distinct = 1 + np.count_nonzero(np.diff(ordered[0])) if len(ordered[0]) else 0
    return ValueSummary(
        tuple(map(_quantiles, ordered)),
        tuple(map(len, bands)),
        tuple(map(_inner, ordered)),
        int(distinct),
        stored.window,
    )


def own_ranges(summary: ValueSummary) -> tuple[ValueRange, ...]:
    """The range of one image: the window that its file asks for, or its own percentiles."""
    return set_ranges([summary])


def set_ranges(summaries: Sequence[ValueSummary]) -> tuple[ValueRange, ...]:
    """What becomes 0 and 255 in each band: percentiles of all values of all images.

    Where all files ask for the same window, it is that one. Where some images have one band and others three,
    one range serves all bands: else grey images would get a colour.
    """
    windows = {summary.window for summary in summaries}
    if len(windows) == 1 and (window := windows.pop()) is not None:
        return (window,)
    parts = [list(zip(summary.quantiles, summary.counts, strict=True)) for summary in summaries]
    if len({len(part) for part in parts}) != 1:
        return (_range_of([band for part in parts for band in part]),)
    return tuple(_range_of(bands) for bands in zip(*parts, strict=True))


def to_8_bits(stored: StoredValues, ranges: Sequence[ValueRange]) -> NDArray[np.uint8]:
    """RGB uint8 (H, W, 3): 0 at the low end of the range and below it, 255 at the high end and above.

    Values that are uint8 stay as they are. Invalid ones are 0. Where white is zero, the result is turned
    over. One band becomes three equal ones. Transparent parts are laid on white.

    Args:
        ranges: of each band; the last one also serves the bands behind it.
    """
    values = stored.values
    result: NDArray[np.uint8] = np.empty(values.shape, np.uint8)
    for start in range(0, len(values), ROWS):
        rows = slice(start, start + ROWS)
        result[rows] = _mapped(values[rows], ranges) if values.dtype != np.uint8 else values[rows]
    if stored.white_is_zero:
        np.subtract(255, result, out=result)
    if stored.valid is not None:
        result[~stored.valid] = 0
    image = np.repeat(result, 3, axis=2) if result.shape[-1] == 1 else result
    return image if stored.opacity is None else _on_white(image, stored.opacity)


def used_levels(summary: ValueSummary, ranges: Sequence[ValueRange]) -> int:
    """About how many of the 256 levels the middle 99.8 % of an image's values take in its first band."""
    if not summary.counts[0]:
        return 0
    low, high = ranges[0]
    ends = np.interp([LOWEST, HIGHEST], LEVELS, summary.quantiles[0])
    first, last = np.clip((ends - low) / (high - low), 0, 1) * 255
    return min(summary.distinct, 1 + round(float(last)) - round(float(first)))


def clipped_share(summary: ValueSummary, ranges: Sequence[ValueRange]) -> float:
    """About which share of the values of the first band lies below or above the range."""
    if not summary.counts[0]:
        return 0.0
    low, high = ranges[0]
    quantiles = np.array(summary.quantiles[0])
    below, above = LEVELS[quantiles < low], LEVELS[quantiles > high]
    return float(below.max(initial=0) + (1 - above.min(initial=1)))


def _inner(ordered: NDArray[np.generic]) -> tuple[float, float]:
    """The second lowest and the second highest of rising values; of equal values, that one."""
    if not len(ordered):
        return (0.0, 0.0)  # as `counts` says, there are none
    above = min(int(np.searchsorted(ordered, ordered[0], "right")), len(ordered) - 1)
    below = max(int(np.searchsorted(ordered, ordered[-1], "left")) - 1, 0)
    return float(ordered[above]), float(ordered[below])


def _valid_values(stored: StoredValues, band: int) -> NDArray[np.generic]:
    values = stored.values[..., band]
    kept = None if stored.valid is None else stored.valid[..., band]
    if stored.opacity is not None:
        kept = stored.opacity > 0 if kept is None else kept & (stored.opacity > 0)
    return values.ravel() if kept is None else values[kept]


def _thinned(values: NDArray[np.generic]) -> NDArray[np.generic]:
    return values[:: -(-len(values) // MOST_VALUES) or 1]


def _quantiles(ordered: NDArray[np.generic]) -> tuple[float, ...]:
    if not len(ordered):
        return ()
    positions = LEVELS * (len(ordered) - 1)
    below = positions.astype(np.int64)
    above = np.minimum(below + 1, len(ordered) - 1)
    low, high = ordered[below].astype(np.float64), ordered[above].astype(np.float64)
    return tuple((low + (high - low) * (positions - below)).tolist())


def _range_of(bands: Sequence[tuple[tuple[float, ...], int]]) -> ValueRange:
    """The percentiles of the values of all `bands`, each of which is given by its quantiles and its count."""
    known = [(quantiles, count) for quantiles, count in bands if count]
    if not known:
        return (0.0, 1.0)
    values = np.array([quantiles for quantiles, _ in known]).ravel()
    weights = (np.array([count for _, count in known])[:, None] * _SHARES).ravel()
    order = np.lexsort((weights, values))  # so that the order of the images is gone
    shares = weights[order].cumsum()
    low, high = np.interp([LOWEST, HIGHEST], shares / shares[-1], values[order]).tolist()
    return (low, high if high > low else low + 1)


def _mapped(values: NDArray[np.generic], ranges: Sequence[ValueRange]) -> NDArray[np.uint8]:
    bands = [ranges[min(band, len(ranges) - 1)] for band in range(values.shape[-1])]
    low, high = (np.array(ends, np.float64) for ends in zip(*bands, strict=True))
    with np.errstate(invalid="ignore", over="ignore"):
        share = (values.astype(np.float64) - low) / (high - low)
    return np.rint(np.clip(np.nan_to_num(share, nan=0.0), 0, 1) * 255).astype(np.uint8)


def _on_white(image: NDArray[np.uint8], opacity: NDArray[np.uint8]) -> NDArray[np.uint8]:
    # In whole numbers, row blocks for the memory.
    result = np.empty_like(image)
    for start in range(0, len(image), ROWS):
        rows = slice(start, start + ROWS)
        share = opacity[rows, :, None].astype(np.uint16)
        result[rows] = (image[rows] * share + 255 * (255 - share) + 127) // 255
    return result
