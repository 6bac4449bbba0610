"""The mask of a new image, predicted by a segmentation model as `evaluation` in params.yaml says."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.data.images import ImageArray, Mask
from pipeline.masks.confidence import mask_confidence
from pipeline.masks.crf import dense_crf
from pipeline.params import Params
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.prediction import predict_probabilities


@dataclass(frozen=True)
class Prediction:
    """The mask that a model predicts, and how sure it is."""

    mask: Mask  # uint8 (H, W)
    confidence: float  # in [0, 1], see `mask_confidence`


def predict(net: SegmentationNet, image: ImageArray, params: Params) -> Mask:
    """The id of every pixel, uint8 (H, W) at the size of `image`; `evaluation.refine` may ask for a CRF."""
    return _most_probable(_by_model(net, image, params), image, params)


def predict_with_confidence(net: SegmentationNet, image: ImageArray, params: Params) -> Prediction:
    """`predict`, and the confidence of the mask by the probabilities before the CRF."""
    by_model = _by_model(net, image, params)
    mask = _most_probable(by_model, image, params)
    ids = np.unique(mask)  # the predicted ids only: nobody says what the image should show
    return Prediction(mask, mask_confidence(mask, by_model.cpu().numpy()[ids], ids))


def probabilities(net: SegmentationNet, image: ImageArray, params: Params) -> NDArray[np.float32]:
    """Probabilities float32 (L, H, W) at the size of `image`; `evaluation.refine` may ask for a CRF."""
    by_model = _by_model(net, image, params).cpu().numpy()
    return np.asarray(by_model) if params.evaluation.refine == "none" else _refined(by_model, image, params)


def _by_model(net: SegmentationNet, image: ImageArray, params: Params) -> Tensor:
    return predict_probabilities(net, image, params.evaluation.scales, flip=params.evaluation.flip)


def _most_probable(by_model: Tensor, image: ImageArray, params: Params) -> Mask:
    if params.evaluation.refine == "none":
        return by_model.argmax(0).to(torch.uint8).cpu().numpy().astype(np.uint8)
    return np.asarray(_refined(by_model.cpu().numpy(), image, params).argmax(0), np.uint8)


def _refined(by_model: NDArray[np.float32], image: ImageArray, params: Params) -> NDArray[np.float32]:
    """The CRF decides among the background and the ids that are most probable somewhere; others get 0."""
    ids = np.union1d(0, by_model.argmax(0)).astype(np.uint8)
    refined = np.zeros_like(by_model)
    refined[ids] = dense_crf(image, by_model[ids], params.pseudo_masks.crf)
    return refined
