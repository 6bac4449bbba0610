"""Segments: each part of an image gets the mean of the probabilities of its pixels, and so one label."""

import numpy as np
from numpy.typing import NDArray

from pipeline.data.arrays import Probabilities
from pipeline.data.images import ImageArray
from pipeline.masks.refiner_input import normalised_input
from pipeline.params import SegmentParams

SegmentMap = NDArray[np.int64]  # (H, W), a number for each segment, from 0 and without gaps


def by_superpixels(image: ImageArray, probabilities: Probabilities, params: SegmentParams) -> Probabilities:
    """`mean_of_segments` of about `params.count` superpixels of the image.

    Source: SLIC, Achanta et al. 2012, doi:10.1109/TPAMI.2012.120, as scikit-image has it. Deterministic.
    """
    from skimage.segmentation import slic  # here: it takes half a second to load, and few masks need it

    found = slic(image, n_segments=params.count, compactness=params.compactness, start_label=0)
    return mean_of_segments(np.asarray(found, np.int64), image, probabilities)


def mean_of_segments(segments: SegmentMap, image: ImageArray, probabilities: Probabilities) -> Probabilities:
    """The mean of each segment's probabilities at all of its pixels: the largest share decides for them all.

    Args:
        segments: (H, W).
        probabilities: (P + 1, H, W), background first; not negative, divided by their sum here.

    Returns:
        float32 (P + 1, H, W), the same all over a segment, sum 1 per pixel.

    Raises:
        ValueError: sizes differ, a probability is negative, NaN or infinite, or all are 0 at a pixel.
    """
    normalised = normalised_input(image, probabilities)
    if segments.shape != image.shape[:2]:
        raise ValueError(f"Expected segments {image.shape[:2]}, got {segments.shape}")
    places = segments.ravel()
    pixels = np.maximum(np.bincount(places), 1)
    means = np.stack([np.bincount(places, weights.ravel()) / pixels for weights in normalised])
    return np.asarray(means[:, segments], np.float32)
