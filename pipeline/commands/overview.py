"""Counts of a data set (classes, labels, pairs, sizes), and the working size that fits it."""

from collections import Counter
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from pipeline.data.manifest import Manifest, Split


def images_per_class(manifest: Manifest) -> dict[Split, NDArray[np.int64]]:
    """Images of each class, int64 (C,), in each split."""
    splits: tuple[Split, ...] = get_args(Split)
    counts = {split: np.zeros(len(manifest.classes), np.int64) for split in splits}
    for sample in manifest.samples:
        counts[sample.split][list(sample.labels)] += 1
    return counts


def labels_per_image(manifest: Manifest) -> dict[int, int]:
    """The number of images for each number of labels, in rising order; 0 labels: only background."""
    return dict(sorted(Counter(len(sample.labels) for sample in manifest.samples).items()))


def co_occurrence(manifest: Manifest) -> NDArray[np.int64]:
    """Images that show both classes, int64 (C, C), symmetric; the diagonal counts each class."""
    counts = np.zeros((len(manifest.classes), len(manifest.classes)), np.int64)
    for sample in manifest.samples:
        counts[np.ix_(sample.labels, sample.labels)] += 1
    return counts


def image_sizes(manifest: Manifest) -> dict[str, tuple[int, int, int]]:
    """Smallest, median and largest height, width and long side in pixels, over all images (at least one)."""
    sizes = np.array([(s.height, s.width, max(s.height, s.width)) for s in manifest.samples])
    spreads = [(int(side.min()), int(np.median(side)), int(side.max())) for side in sizes.T]
    return dict(zip(("height", "width", "long side"), spreads, strict=True))


def fitting_long_side(manifest: Manifest) -> int:
    """A working size in pixels for these images: their median long side, at most 320, a multiple of 32.

    The cap keeps a run on two cores below an hour; raise `data.long_side` for finer outlines.
    """
    _, median, _ = image_sizes(manifest)["long side"]
    return max(32, round(min(320, median) / 32) * 32)
