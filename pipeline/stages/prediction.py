"""The mask of a new picture as `evaluation` in params.yaml wants it."""

import numpy as np

from pipeline.data.pictures import Mask, Picture
from pipeline.masks.crf import dense_crf
from pipeline.params import CrfParams, EvaluationParams
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.prediction import predict_mask, predict_probabilities


def predict(net: SegmentationNet, image: Picture, params: EvaluationParams, crf: CrfParams) -> Mask:
    """Id of every pixel, uint8 (H, W) at the size of `image`; after a dense CRF where that is asked for.

    The CRF decides among the background and the labels that are most probable somewhere.
    """
    if params.refine == "none":
        return predict_mask(net, image, params.scales, flip=params.flip)
    probabilities = predict_probabilities(net, image, params.scales, flip=params.flip).cpu().numpy()
    ids = np.union1d(0, probabilities.argmax(0)).astype(np.uint8)
    mask: Mask = ids[dense_crf(image, probabilities[ids], crf).argmax(0)]
    return mask
