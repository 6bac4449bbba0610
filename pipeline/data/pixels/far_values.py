"""Values far from all others of a set, as -9999 in heights: they may mean `no data` where no file says so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.data.pixels.intensity import HIGHEST, LEVELS, LOWEST, ValueSummary
from pipeline.data.pixels.reading import ValueRange

FAR = 0.5  # of the span of all other values


@dataclass(frozen=True)
class FarValue:
    """The lowest or the highest value of a set."""

    value: float
    others: ValueRange  # the lowest and the highest other value
    images: tuple[int, ...]  # positions of those in which it is frequent


@dataclass(frozen=True)
class _Band:
    """One band of an image, its values times -1 where the highest one is looked at."""

    image: int
    lowest: float
    second: float  # lowest value
    highest: float
    frequent: bool  # the lowest value is also the end of the range


def far_values(summaries: Sequence[ValueSummary | None]) -> list[FarValue]:
    """The lowest and the highest value of a set where they are frequent and far; never 0, which is black.

    Args:
        summaries: of all images; None for those of 8 bits.
    """
    return [far for sign in (1, -1) if (far := _far_value(list(_bands(summaries, sign)), sign))]


def _bands(summaries: Sequence[ValueSummary | None], sign: int) -> Iterator[_Band]:
    at = int(np.searchsorted(LEVELS, LOWEST if sign > 0 else HIGHEST))
    for i, summary in enumerate(summaries):
        for q, inner in zip(summary.quantiles, summary.inner, strict=True) if summary else ():
            if q:
                ends = (q[0], inner[0], q[-1]) if sign > 0 else (-q[-1], -inner[1], -q[0])
                yield _Band(i, *ends, frequent=q[at] == sign * ends[0])


def _far_value(bands: Sequence[_Band], sign: int) -> FarValue | None:
    value = min((band.lowest for band in bands), default=0.0)
    images = sorted({band.image for band in bands if band.lowest == value and band.frequent})
    lows = [band.second if band.lowest == value else band.lowest for band in bands]
    first = min((low for low in lows if low != value), default=value)
    last = max((band.highest for band in bands), default=value)
    if not value or not images or last <= first or first - value <= FAR * (last - first):
        return None
    others = (first, last) if sign > 0 else (-last, -first)
    return FarValue(sign * value, others, tuple(images))
