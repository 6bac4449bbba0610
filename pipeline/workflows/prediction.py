"""The mask of a new image as `evaluation` in params.yaml wants it."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.data.images import ImageArray, Mask
from pipeline.masks.confidence import mask_confidence
from pipeline.masks.crf import dense_crf
from pipeline.params import CrfParams, EvaluationParams
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.prediction import predict_probabilities


@dataclass(frozen=True)
class Prediction:
    """What a model makes of an image."""

    mask: Mask  # uint8 (H, W)
    confidence: float  # in [0, 1], see `mask_confidence`


def predict(net: SegmentationNet, image: ImageArray, params: EvaluationParams, crf: CrfParams) -> Mask:
    """Id of every pixel, uint8 (H, W) at the size of `image`; after a dense CRF where that is asked for."""
    return _most_probable(
        predict_probabilities(net, image, params.scales, flip=params.flip), image, params, crf
    )


def predict_with_confidence(
    net: SegmentationNet, image: ImageArray, params: EvaluationParams, crf: CrfParams
) -> Prediction:
    """`predict`, and the confidence of the mask by the model's own probabilities, those before the CRF."""
    found = predict_probabilities(net, image, params.scales, flip=params.flip)
    mask = _most_probable(found, image, params, crf)
    ids = np.unique(mask)  # only what is predicted: nobody says what should be in the image
    return Prediction(mask, mask_confidence(mask, found.cpu().numpy()[ids], ids))


def probabilities(
    net: SegmentationNet, image: ImageArray, params: EvaluationParams, crf: CrfParams
) -> NDArray[np.float32]:
    """Probabilities float32 (L, H, W) at the size of `image`, after a dense CRF where that is asked for."""
    found = predict_probabilities(net, image, params.scales, flip=params.flip).cpu().numpy()
    return np.asarray(found) if params.refine == "none" else _refined(found, image, crf)


def _most_probable(found: Tensor, image: ImageArray, params: EvaluationParams, crf: CrfParams) -> Mask:
    if params.refine == "none":
        return found.argmax(0).to(torch.uint8).cpu().numpy().astype(np.uint8)
    return np.asarray(_refined(found.cpu().numpy(), image, crf).argmax(0), np.uint8)


def _refined(found: NDArray[np.float32], image: ImageArray, crf: CrfParams) -> NDArray[np.float32]:
    """The CRF decides among the background and the labels that are most probable somewhere; others get 0."""
    ids = np.union1d(0, found.argmax(0)).astype(np.uint8)
    refined = np.zeros_like(found)
    refined[ids] = dense_crf(image, found[ids], crf)
    return refined
