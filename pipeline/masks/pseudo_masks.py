"""The pseudo-mask of one image, from its heatmaps."""

from dataclasses import dataclass

import numpy as np

from pipeline.data.arrays import ClassIndices, Heatmaps, Probabilities
from pipeline.data.images import IGNORE, ImageArray, Mask
from pipeline.masks.crf import dense_crf
from pipeline.masks.threshold import Normalisation, label_ids, normalised_scores, uncertain
from pipeline.params import PseudoMaskParams


@dataclass(frozen=True)
class PseudoMask:
    """One image, with and without the band; the masks are uint8 (H, W)."""

    refined: Mask  # the heatmaps at the threshold after `pseudo_masks.refine`; a label everywhere
    mask: Mask  # refined, with 255 in the band: a model learns from this one
    ids: Mask  # of [background, classes...], uint8 (P + 1,)
    probabilities: Probabilities  # of these ids before refinement, float32 (P + 1, H, W)


def make_pseudo_mask(
    image: ImageArray,
    heatmaps: Heatmaps,
    classes: ClassIndices,
    threshold: float,
    params: PseudoMaskParams,
    normalise: Normalisation = normalised_scores,
) -> PseudoMask:
    """Threshold the heatmaps, refine the labels, and leave the band open.

    The band depends on the heatmaps alone, whatever the CRF says: its marginals are so close to 0 and 1 that
    a margin on them leaves next to nothing open.

    Args:
        heatmaps: float32 (P, H, W) at the size of the image; P may be 0: then all is background.
        classes: the image-level labels.
        params: refinement and band; `params.threshold` is not read (it may be `auto`).
        normalise: makes the probabilities for the CRF of the heatmaps and the threshold.
    """
    ids = label_ids(heatmaps, classes)
    probabilities = normalise(heatmaps, threshold)
    by_crf = dense_crf(image, probabilities, params.crf) if params.refine == "crf" else probabilities
    refined: Mask = ids[np.argmax(by_crf, axis=0)]
    mask = refined.copy()
    mask[uncertain(heatmaps, threshold, params.band)] = IGNORE
    return PseudoMask(refined, mask, ids, probabilities)
