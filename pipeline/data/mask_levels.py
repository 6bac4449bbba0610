"""The levels of a set of masks: the values that were drawn, without those of soft or compressed edges."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.mask_values import MaskValues, Values, split_colours, sums_by_value

FEW = 8  # distinct values: more come from interpolation or compression, or are numbers of objects
WHITE = 255
SAME = 2  # grey levels that a value differs by from a more frequent one and still means the same
EXACT = 254  # colours: more come from interpolation or compression
AREA = 0.02  # of the pixels of a level: those in the inside of areas, at least
RARE = 0.05  # of the pixels of a level: values between two levels that are this rare are their edge
STRAY = 5e-5  # share of all pixels: what is rarer is no level
MOST = 254  # levels


@dataclass(frozen=True)
class SetValues:
    """The values of all masks of a set."""

    values: Values  # (n,) rising: grey levels, or codes of colours
    pixels: NDArray[np.int64]  # (n,)
    solid: NDArray[np.int64]  # (n,) pixels among neighbours of the same value

    def share(self, value: int) -> float:
        """The share of all pixels."""
        return float(self.pixels[self.values == value].sum() / max(self.pixels.sum(), 1))


def sum_values(files: Sequence[MaskValues]) -> SetValues:
    """The values of `files` together, with their pixels and masks."""
    if not files:
        nothing = np.zeros(0, np.int64)
        return SetValues(nothing, nothing, nothing)
    every = np.concatenate([f.values for f in files])
    counts = np.concatenate([f.counts for f in files])
    solid = np.concatenate([f.solid for f in files])
    values, sums = sums_by_value(every, counts, solid)
    return SetValues(values, *sums)


def grey_levels(found: SetValues, exact: int = FEW) -> list[int]:
    """The grey levels that were drawn, rising: the lowest, the highest, and those that fill areas.

    Of more than `exact` values, only the peaks.
    """
    order = np.argsort(-found.pixels, kind="stable")
    largest, few = int(found.values.max()), len(found.values) <= max(FEW, exact)
    reach = SAME if few else max(1, largest // 8)
    levels: list[int] = []
    for place in order[:MOST]:
        value = int(found.values[place])
        end = few and value in (largest, int(found.values.min()))
        drawn = end or _fills_areas(found, value, 0 if few else largest // 64)
        apart = all(abs(value - level) > reach for level in levels)
        if apart and drawn and (few or _is_peak(found, value, largest)):
            levels.append(value)
    return sorted(levels)


def is_binary(found: SetValues) -> bool:
    """Whether all areas have the lowest or the highest value: an object, maybe with soft edges."""
    largest = int(found.values.max())
    if len(found.values) == 2:
        return True
    if largest < 4 * FEW:
        return False
    near_high = found.values >= largest - largest // 8
    between = (found.values > largest // 8) & ~near_high
    if not between.any() and near_high.sum() <= SAME:  # small values are ids or numbers of objects
        return False
    inside = found.solid[found.values > largest // 8].sum()
    return bool(2 * found.solid[near_high].sum() >= inside) and len(grey_levels(found)) <= 2


def colour_levels(found: SetValues) -> list[int]:
    """Codes of the colours that were drawn, the most frequent first, without mixtures of two of them."""
    points = split_colours(found.values)
    order = np.argsort(-found.pixels, kind="stable")
    few, total = len(found.values) <= FEW, found.pixels.sum()
    chosen: list[int] = []
    for place in order[: 4 * MOST]:
        if found.pixels[place] < STRAY * total and not few:
            break
        if not few and found.solid[place] < AREA * found.pixels[place]:
            continue
        if few or not _is_edge(points, found.pixels, int(place), chosen, len(found.values) <= EXACT):
            chosen.append(int(place))
    return [int(found.values[place]) for place in chosen[: MOST + 1]]


def shades_of_grey(found: SetValues) -> bool:
    """Whether nearly all pixels of coloured masks are grey."""
    points = split_colours(found.values)
    grey = np.ptp(points, axis=1) <= FEW
    return bool(found.pixels[~grey].sum() <= found.pixels.sum() / 1000)


def _fills_areas(found: SetValues, value: int, reach: int) -> bool:
    near = np.abs(found.values - value) <= reach
    return bool(found.solid[near].sum() >= AREA * found.pixels[near].sum())


def _is_peak(found: SetValues, value: int, largest: int) -> bool:
    """Whether a value and its neighbours are three times as frequent as those around them, and not rare."""
    near = max(1, largest // 64)
    distance = np.abs(found.values - value)
    inside = found.pixels[distance <= near].sum() / (2 * near + 1)
    around = found.pixels[(distance > near) & (distance <= 3 * near)].sum() / (4 * near)
    drawn = found.pixels[found.values > largest // 8].sum() / max(1, largest)
    return bool(inside >= 3 * around and inside >= drawn / 2)


def _is_edge(
    points: NDArray[np.int64], pixels: NDArray[np.int64], place: int, chosen: Sequence[int], exact: bool
) -> bool:
    """Whether a rare colour lies beside a more frequent one, or between two of them."""
    point = points[place]
    if not exact and any(np.abs(points[other] - point).max() <= 3 * FEW for other in chosen):
        return True
    ends = [other for other in chosen if pixels[place] < RARE * pixels[other]]
    for i, one in enumerate(ends):
        for other in ends[:i]:
            line = points[other] - points[one]
            along = float((point - points[one]) @ line) / max(1, int(line @ line))
            if 0 < along < 1 and np.abs(points[one] + along * line - point).max() <= FEW:
                return True
    return False
