"""The mask of a new picture as `evaluation` in params.yaml wants it."""

import numpy as np
from numpy.typing import NDArray

from pipeline.data.images import Mask, Picture
from pipeline.masks.crf import dense_crf
from pipeline.params import CrfParams, EvaluationParams
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.prediction import predict_mask, predict_probabilities


def predict(net: SegmentationNet, image: Picture, params: EvaluationParams, crf: CrfParams) -> Mask:
    """Id of every pixel, uint8 (H, W) at the size of `image`; after a dense CRF where that is asked for."""
    if params.refine == "none":
        return predict_mask(net, image, params.scales, flip=params.flip)
    mask: Mask = probabilities(net, image, params, crf).argmax(0).astype(np.uint8)
    return mask


def probabilities(
    net: SegmentationNet, image: Picture, params: EvaluationParams, crf: CrfParams
) -> NDArray[np.float32]:
    """Probabilities float32 (L, H, W) at the size of `image`, after a dense CRF where that is asked for.

    The CRF decides among the background and the labels that are most probable somewhere; others get 0.
    """
    found = np.asarray(predict_probabilities(net, image, params.scales, flip=params.flip).cpu().numpy())
    if params.refine == "none":
        return found
    ids = np.union1d(0, found.argmax(0)).astype(np.uint8)
    refined = np.zeros_like(found)
    refined[ids] = dense_crf(image, found[ids], crf)
    return refined
