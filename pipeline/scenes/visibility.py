"""Which item each pixel shows, and whether objects stay recognisable behind other items."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from pipeline.scenes.colours import Tint
from pipeline.scenes.paint import ENLARGE, Bytes, fill
from pipeline.scenes.shapes import Part, Parts

Pixels = npt.NDArray[np.bool_]

_MIN_VISIBLE = 0.45  # visible share of an object, and of its key parts
_MIN_PIECE = 24  # pixels of the smallest piece of an object; half of the object if that is less


@dataclass(frozen=True)
class Instance:
    """A thing in image pixels: `label` 0 for clutter, index + 1 for classes; `base` is its lowest row."""

    label: int
    parts: Parts
    tint: Tint
    base: float


def instance_map(items: list[Instance], size: tuple[int, int]) -> Bytes:
    """Which item each pixel's centre shows: uint8 `size`, 0 is background, else position in `items` + 1."""
    return _centres([(part, number) for number, item in enumerate(items, 1) for part in item.parts], size)


def all_recognisable(items: list[Instance], size: tuple[int, int], occlusion: bool) -> bool:
    """Whether enough of every object and of its key parts is visible (without `occlusion`: all of it)."""
    shown = instance_map(items, size)
    return all(
        _recognisable(item, shown == number, size, occlusion)
        for number, item in enumerate(items, start=1)
        if item.label
    )


def _recognisable(item: Instance, visible: Pixels, size: tuple[int, int], occlusion: bool) -> bool:
    alone = instance_map([item], size) > 0
    if not _in_large_pieces(alone, visible):
        return False
    if not occlusion:
        return bool(np.array_equal(alone, visible))
    key = _centres([(part, 1) for part in item.parts if part.key], size) > 0
    return all(_visible_share(whole, visible) >= _MIN_VISIBLE for whole in (alone, key))


def _centres(parts: list[tuple[Part, int]], size: tuple[int, int]) -> Bytes:
    """Paint numbered parts on the enlarged canvas and read it at the pixel centres."""
    enlarged = np.zeros((size[0] * ENLARGE, size[1] * ENLARGE), np.uint8)
    for part, number in parts:
        fill(enlarged, part.outline, number)
    return np.ascontiguousarray(enlarged[ENLARGE // 2 :: ENLARGE, ENLARGE // 2 :: ENLARGE])


def _visible_share(whole: Pixels, visible: Pixels) -> float:
    return float((whole & visible).sum()) / max(int(whole.sum()), 1)


def _in_large_pieces(whole: Pixels, visible: Pixels) -> bool:
    """Whether something is visible and no 8-connected piece of it is a sliver."""
    least = min(_MIN_PIECE, 0.5 * float(whole.sum()))
    count, _, stats, _ = cv2.connectedComponentsWithStats(visible.astype(np.uint8), connectivity=8)
    return count > 1 and int(stats[1:, cv2.CC_STAT_AREA].min()) >= least
