"""The threshold `auto`: Otsu's, without masks, from histograms that are additive over images."""

import numpy as np
from numpy.typing import NDArray

from pipeline.data.arrays import StoredHeatmaps
from pipeline.errors import UserError

# Of Otsu's variance. Most of an image is background, and its level differs from image to image: that pulls
# the threshold down. Chosen on a part of the training images of two data sets, see docs/results.md.
POWER = 1.5

Histogram = NDArray[np.int64]  # (256,)


def heat_histogram(stored: StoredHeatmaps) -> Histogram:
    """How often each stored level is the largest of a pixel, int64 (256,); zeros without labels."""
    if not len(stored):
        return np.zeros(256, np.int64)
    return np.bincount(stored.max(axis=0).ravel(), minlength=256).astype(np.int64)


def otsu(histogram: Histogram, power: float = 1.0) -> float:
    """The threshold in (0, 1) with the largest variance between the two groups; the lowest of equal ones.

    Args:
        histogram: int64 (256,), the sum of `heat_histogram` over the images.
        power: the variance is that of heatmap ** power. Above 1 the differences among hot pixels count for
            more, and the threshold is higher.

    Raises:
        UserError: all pixels have one level, or there are no pixels.

    Source: Otsu 1979, IEEE Trans. SMC 9(1), eq. 18; the power is ours.
    """
    if np.count_nonzero(histogram) < 2:
        raise UserError(
            "pseudo_masks.threshold: `auto` finds nothing to choose from, since the heatmaps are the same "
            "everywhere: the classifier has learnt too little to tell where an object is. Train it longer "
            "(classifier.training.steps), look at its scores in reports/classifier/metrics.json, check "
            "that the labels fit the images, and that these are larger than a cell (data.long_side)"
        )
    levels = (np.arange(256) / 255) ** power
    share = histogram.cumsum() / histogram.sum()  # omega
    mean = (histogram * levels).cumsum() / histogram.sum()  # mu
    spread = share * (1 - share)
    between = np.divide((mean[-1] * share - mean) ** 2, spread, out=np.zeros(256), where=spread > 1e-12)
    return (float(np.argmax(between)) + 0.5) / 255  # half way to the next level
