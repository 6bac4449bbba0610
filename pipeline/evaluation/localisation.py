"""Localisation: where the heatmap of a class lies, against ground truth; pointing game and shares."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.images import IGNORE
from pipeline.evaluation.confusion import Ids

Heatmap = NDArray[np.floating[Any]]  # (H, W), not negative

TOLERANCE = 0.03  # of the long side: 15 pixels of VOC's 500, as in the paper
BORDER, CORNER = 0.1, 0.2  # of each side: width of the strip along the frame, side of the corners' rectangles

# Parts of an image, as seen from one class. They do not overlap; only background is divided by its place.
REGIONS = ("object", "other classes", "corners", "border", "elsewhere")


def pointing_hit(heatmap: Heatmap, ground_truth: Ids, label_id: int) -> bool:
    """Whether the hottest pixel lies on an object of `label_id`, or within `TOLERANCE` of one.

    Of several hottest pixels the first in reading order counts.

    Source: the pointing game of Zhang et al. 2016, arXiv:1608.00507, section 4.1. Deviation: the tolerance is
    a share of the long side, since images differ in size.
    """
    rows, columns = np.nonzero(ground_truth == label_id)
    row, column = np.unravel_index(int(np.argmax(heatmap)), heatmap.shape)
    reach = TOLERANCE * max(heatmap.shape)
    return bool(((rows - row) ** 2 + (columns - column) ** 2 <= reach**2).any())


def heat_shares(heatmap: Heatmap, ground_truth: Ids, label_id: int) -> NDArray[np.float64]:
    """The share of the heatmap on each of `REGIONS`, float64 (5,) with sum 1; NaN for a heatmap of zeros.

    Pixels that the ground truth leaves open (255) are left out.
    """
    if heatmap.shape != ground_truth.shape:
        raise ValueError(
            f"Expected heatmap and ground truth of one shape, got {heatmap.shape} and {ground_truth.shape}"
        )
    region = _regions(ground_truth, label_id)
    known = ground_truth != IGNORE
    sums = np.bincount(region[known], heatmap[known].astype(np.float64), minlength=len(REGIONS))
    total = sums.sum()
    return sums / total if total > 0 else np.full(len(REGIONS), np.nan)


def _regions(ground_truth: Ids, label_id: int) -> NDArray[np.intp]:
    """Index in `REGIONS` of each pixel."""
    height, width = ground_truth.shape
    # Distance of a pixel's centre from the nearer edge, as share of the side.
    down = np.minimum(np.arange(height) + 0.5, height - np.arange(height) - 0.5)[:, None] / height
    across = np.minimum(np.arange(width) + 0.5, width - np.arange(width) - 0.5)[None, :] / width
    region = np.full(ground_truth.shape, REGIONS.index("elsewhere"), np.intp)
    region[np.minimum(down, across) < BORDER] = REGIONS.index("border")
    region[np.maximum(down, across) < CORNER] = REGIONS.index("corners")
    region[ground_truth != 0] = REGIONS.index("other classes")
    region[ground_truth == label_id] = REGIONS.index("object")
    return region
