"""The pseudo-mask of one image, from its stored heatmaps."""

from dataclasses import dataclass

import numpy as np

from pipeline.data.arrays import ClassIndices, StoredHeatmaps
from pipeline.data.images import IGNORE, ImageArray, Mask
from pipeline.masks.crf import dense_crf
from pipeline.masks.threshold import (
    Normalisation,
    label_ids,
    mask_at_threshold,
    normalised_scores,
    uncertain,
    upsample,
)
from pipeline.params import PseudoMaskParams


@dataclass(frozen=True)
class PseudoMask:
    """One image, before and after refinement; uint8 (H, W) each."""

    seed: Mask  # the heatmaps at the threshold; a label everywhere
    refined: Mask  # the seed after `pseudo_masks.refine`; a label everywhere
    mask: Mask  # refined, with 255 where the label is uncertain: what a model is trained on


def make_pseudo_mask(
    image: ImageArray,
    stored: StoredHeatmaps,
    classes: ClassIndices,
    threshold: float,
    params: PseudoMaskParams,
    normalise: Normalisation = normalised_scores,
) -> PseudoMask:
    """Threshold the heatmaps, refine the labels, and leave open what is uncertain.

    A pixel is left open where its largest heat lies within the band around the threshold, whatever the CRF
    says there: mean-field marginals are so close to 0 and 1 that a margin on them opens next to nothing.

    Args:
        image: RGB uint8 (H, W, 3).
        stored: uint8 (P, h, w), heat * 255; P may be 0: then all is background.
        classes: (P,) distinct class indices of the image-level labels.
        threshold: the background score in (0, 1).
        params: refinement and band; its own threshold is not read (it may be `auto`).
        normalise: makes the CRF's probabilities of the heatmaps and the threshold.

    Raises:
        ValueError, CrfMissingError, ArithmeticError: see `mask_at_threshold` and `dense_crf`.
    """
    heat = upsample(stored, image.shape[:2])
    ids = label_ids(heat, classes)
    probabilities = normalise(heat, threshold)
    if params.refine == "crf":
        probabilities = dense_crf(image, probabilities, params.crf)
    refined: Mask = ids[np.argmax(probabilities, axis=0)]
    mask = refined.copy()
    mask[uncertain(heat, threshold, params.band)] = IGNORE
    return PseudoMask(mask_at_threshold(heat, classes, threshold), refined, mask)
