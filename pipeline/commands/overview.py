"""What a data set holds, counted: pure functions of a manifest."""

from collections import Counter
from typing import NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.data.manifest import Manifest, Split


class Spread(NamedTuple):
    """Smallest, median and largest of some numbers."""

    smallest: int
    median: int
    largest: int


def images_per_class(manifest: Manifest) -> dict[Split, NDArray[np.int64]]:
    """Images of each class, int64 (C,), in each split."""
    splits: tuple[Split, ...] = get_args(Split)
    counts = {split: np.zeros(len(manifest.classes), np.int64) for split in splits}
    for sample in manifest.samples:
        counts[sample.split][list(sample.labels)] += 1
    return counts


def labels_per_image(manifest: Manifest) -> dict[int, int]:
    """Number of labels -> number of images with so many, in rising order; 0 are background images."""
    return dict(sorted(Counter(len(sample.labels) for sample in manifest.samples).items()))


def co_occurrence(manifest: Manifest) -> NDArray[np.int64]:
    """Images that hold both classes, int64 (C, C), symmetric; the diagonal holds the images of each class."""
    counts = np.zeros((len(manifest.classes), len(manifest.classes)), np.int64)
    for sample in manifest.samples:
        counts[np.ix_(sample.labels, sample.labels)] += 1
    return counts


def image_sizes(manifest: Manifest) -> dict[str, Spread]:
    """Height, width, and the longer of both, in pixels, over all images (at least one)."""
    heights = [sample.height for sample in manifest.samples]
    widths = [sample.width for sample in manifest.samples]
    longer = [max(pair) for pair in zip(heights, widths, strict=True)]
    return {"height": _spread(heights), "width": _spread(widths), "long side": _spread(longer)}


def fitting_long_side(manifest: Manifest) -> int:
    """A working size in pixels for these images: their median long side, at most 320, a multiple of 32.

    The cap keeps a run on two cores below an hour; raise `data.long_side` for finer outlines.
    """
    return max(32, round(min(320, image_sizes(manifest)["long side"].median) / 32) * 32)


def _spread(numbers: list[int]) -> Spread:
    return Spread(min(numbers), int(np.median(numbers)), max(numbers))
