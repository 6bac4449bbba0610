"""From probabilities to ids, and what the probabilities say of the regions."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pipeline.data.arrays import Probabilities
from pipeline.data.images import IGNORE, Mask

PerLabel = NDArray[np.float64]  # (L,)


@dataclass(frozen=True)
class MaskRule:
    """How the id of a pixel is chosen; as it stands, the most probable one."""

    thresholds: Mapping[int, float] = field(default_factory=dict)  # by id, in (0, 1)
    min_confidence: float = 0.0  # in [0, 1]

    def mask(self, probabilities: Probabilities) -> Mask:
        """The id of each pixel of probabilities (L, H, W), uint8 (H, W).

        A label with a threshold is chosen where its probability reaches it; of several ones, that which
        exceeds its threshold by the largest factor. Elsewhere the most probable of the others is chosen, and
        255 where no other is possible. A pixel whose label is less probable than `min_confidence` gets 255.
        """
        ids = self._largest(probabilities) if self.thresholds else probabilities.argmax(0)
        chosen = np.take_along_axis(probabilities, ids[None], axis=0)[0]
        unsure = (chosen <= 0) | (chosen < self.min_confidence)
        return np.where(unsure, IGNORE, ids).astype(np.uint8)

    def _largest(self, probabilities: Probabilities) -> NDArray[np.intp]:
        ids, others = list(self.thresholds), probabilities.copy()
        others[ids] = 0
        limits = np.array([self.thresholds[i] for i in ids], np.float32)[:, None, None]
        times = probabilities[ids] / limits
        best: NDArray[np.intp] = np.where(
            (times >= 1).any(0), np.array(ids)[times.argmax(0)], others.argmax(0)
        )
        return best


@dataclass
class RegionSums:
    """Sums over the pixels of an image, to which parts of it are added one after the other."""

    inside: PerLabel  # of the probability of a label where the mask has it
    pixels: PerLabel  # of the mask
    total: PerLabel  # of the probability everywhere
    highest: PerLabel  # probability

    @classmethod
    def of_nothing(cls, labels: int) -> "RegionSums":
        return cls(*np.zeros((4, labels)))

    def add(self, probabilities: Probabilities, mask: Mask) -> None:
        """Add a part: its probabilities (L, h, w) and its mask uint8 (h, w)."""
        for i, values in enumerate(probabilities):
            region = mask == i
            self.inside[i] += values[region].sum(dtype=np.float64)
            self.pixels[i] += region.sum()
            self.total[i] += values.sum(dtype=np.float64)
            self.highest[i] = max(self.highest[i], values.max())


def class_confidences(sums: RegionSums) -> PerLabel:
    """Mean probability of each label in its region, (L,) in [0, 1]; NaN of labels without a pixel."""
    confidences = np.full(len(sums.pixels), np.nan)
    np.divide(sums.inside, sums.pixels, out=confidences, where=sums.pixels > 0)
    return confidences


def image_confidence(sums: RegionSums) -> float:
    """Mean of `class_confidences` over the classes of the mask; without any, that of the background.

    0 where all pixels are open.
    """
    known = class_confidences(sums)
    found = known[1:][~np.isnan(known[1:])]
    if len(found):
        return float(found.mean())
    return 0.0 if np.isnan(known[0]) else float(known[0])
