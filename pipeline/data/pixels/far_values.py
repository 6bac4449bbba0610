"""Values far from all others of a set, as -9999 in heights: they may mean `no data` where no file says so."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pipeline.data.pixels.intensity import LEVELS, LOWEST, ValueSummary
from pipeline.data.pixels.reading import ValueRange

FAR = 0.5  # of the span of all other values
NEAR = 0.1  # of the span, for a value that fills `MANY` of the pixels of `SEVERAL` images
MANY, SEVERAL = 0.01, 3


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
    share: float  # of its pixels that have the lowest value, at least


def far_values(summaries: Sequence[ValueSummary | None]) -> list[FarValue]:
    """The lowest and the highest value of a set where they are frequent and far; never 0, which is black.

    Args:
        summaries: of all images; None for those of 8 bits.
    """
    return [far for sign in (1, -1) if (far := _far_value(list(_bands(summaries, sign)), sign))]


def _bands(summaries: Sequence[ValueSummary | None], sign: int) -> Iterator[_Band]:
    for i, summary in enumerate(summaries):
        for q, inner in zip(summary.quantiles, summary.inner, strict=True) if summary else ():
            if q:
                ends = (q[0], inner[0], q[-1]) if sign > 0 else (-q[-1], -inner[1], -q[0])
                yield _Band(i, *ends, share=float(LEVELS[q.count(sign * ends[0]) - 1]))


def _far_value(bands: Sequence[_Band], sign: int) -> FarValue | None:
    value = min((band.lowest for band in bands), default=0.0)
    images = sorted({band.image for band in bands if band.lowest == value and band.share >= LOWEST})
    full = {band.image for band in bands if band.lowest == value and band.share >= MANY}
    lows = [band.second if band.lowest == value else band.lowest for band in bands]
    first = min((low for low in lows if low != value), default=value)
    last = max((band.highest for band in bands), default=value)
    far = NEAR if len(full) >= SEVERAL else FAR
    if not value or not images or last <= first or first - value <= far * (last - first):
        return None
    others = (first, last) if sign > 0 else (-last, -first)
    return FarValue(sign * value, others, tuple(images))
