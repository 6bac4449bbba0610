"""What masks of many images mark, beside the image-level labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.images import Mask
from pipeline.evaluation.object_width import widest_place
from pipeline.evaluation.veto import MOST_NAMES


@dataclass(frozen=True)
class MarkedAreas:
    """Of N images: the classes that each shows by its labels, and what its mask marks."""

    names: Sequence[str]  # N
    shown: NDArray[np.bool_]  # (N, C)
    areas: NDArray[np.float64]  # (N, C), see `mask_areas`
    widths: NDArray[np.float64]  # (N, C), see `mask_widths`

    def named(self, order: NDArray[np.intp]) -> tuple[str, ...]:
        """The names of the first `MOST_NAMES` of these images."""
        return tuple(self.names[index] for index in order[:MOST_NAMES])


def mask_areas(mask: Mask, classes: int) -> NDArray[np.float64]:
    """The share of the pixels of a mask uint8 (H, W) that each class has, (C,) in [0, 1]."""
    return np.bincount(mask.ravel(), minlength=256)[1 : classes + 1] / mask.size


def mask_widths(mask: Mask, classes: int, cell: float) -> NDArray[np.float64]:
    """`widest_place` of each class in a mask uint8 (H, W), in cells of `cell` pixels: (C,); NaN without."""
    present = mask_areas(mask, classes) > 0
    widths = [widest_place(mask, label + 1) if has else np.nan for label, has in enumerate(present)]
    return np.array(widths, np.float64) / cell
