"""The pseudo-mask of one image, from its heatmaps."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.arrays import ClassIndices, Heatmaps, Probabilities
from pipeline.data.images import IGNORE, ImageArray, Mask
from pipeline.masks.pixel_classifier import with_likelihoods
from pipeline.masks.refiner import refine_by_tiles, refiner
from pipeline.masks.segments import SegmentMap, mean_of_segments
from pipeline.masks.threshold import (
    Normalisation,
    Threshold,
    label_ids,
    largest,
    normalised_scores,
    uncertain,
)
from pipeline.params import PseudoMaskParams


@dataclass(frozen=True)
class PseudoMask:
    """One image, with and without the band; the masks are uint8 (H, W)."""

    refined: Mask  # the heatmaps at the threshold after `pseudo_masks.refine`; a label everywhere
    mask: Mask  # refined, with 255 in the band: a model learns from this one
    ids: Mask  # of [background, classes...], uint8 (P + 1,); (P,) in data without background
    probabilities: Probabilities  # of these ids before refinement, float32 (P + 1, H, W)


def make_pseudo_mask(
    image: ImageArray,
    heatmaps: Heatmaps,
    classes: ClassIndices,
    threshold: Threshold,
    params: PseudoMaskParams,
    normalise: Normalisation = normalised_scores,
    tiles: int = 1,
    segments: SegmentMap | None = None,
    log_likelihoods: NDArray[np.float32] | None = None,
) -> PseudoMask:
    """Threshold the heatmaps, refine the labels, and leave the band open.

    The band depends on the heatmaps alone, whatever the refiner says: the marginals of a CRF are so close to
    0 and 1 that a margin on them leaves next to nothing open.

    Args:
        heatmaps: float32 (P, H, W) at the size of the image; P may be 0: then all is background, or 255
            where the data have none.
        classes: the image-level labels.
        params: refinement and band; `params.threshold` is not read (it may be `auto`).
        normalise: makes the probabilities for the refiner of the heatmaps and the threshold.
        tiles: along the longer side, for the refiner.
        segments: of the image, (H, W), for `refine: segments`; None: superpixels.
        log_likelihoods: of each id at each pixel, (H * W, L), for `refine: pixels`.
    """
    ids = label_ids(heatmaps, classes, background=threshold is not None)
    probabilities = normalise(heatmaps, threshold)
    scores = probabilities
    if log_likelihoods is not None:
        scores = with_likelihoods(scores, log_likelihoods, ids)
    if len(ids):
        scores = _refined(image, scores, params, tiles, segments)
    refined = largest(ids, scores)
    mask = refined.copy()
    mask[uncertain(heatmaps, threshold, params.band)] = IGNORE
    return PseudoMask(refined, mask, ids, probabilities)


def _refined(
    image: ImageArray,
    probabilities: Probabilities,
    params: PseudoMaskParams,
    tiles: int,
    segments: SegmentMap | None,
) -> Probabilities:
    if segments is not None:
        return mean_of_segments(segments, image, probabilities)
    refine = refiner(params.refine, params.crf, params.par, params.segments)
    return probabilities if refine is None else refine_by_tiles(refine, image, probabilities, tiles)
