"""The threshold at which heat covers a given area, from the histogram of its levels."""

from pipeline.masks.otsu_threshold import Histogram


def area_threshold(histogram: Histogram, area: float) -> float:
    """The lowest threshold in (0, 1) above which no more than `area` of the pixels lie.

    Args:
        histogram: int64 (256,), the sum of `heat_histogram` over the images, with at least one pixel.
        area: share of the pixels, in (0, 1].
    """
    above = 1 - histogram.cumsum() / histogram.sum()
    level = int((above > area + 1e-12).sum())
    return (min(level, 254) + 0.5) / 255  # half way to the next level
