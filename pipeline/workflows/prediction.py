"""Masks that a segmentation model predicts, as `evaluation` in params.yaml says."""

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.data.images import ImageArray, Mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine.mapping import Batch, ImagePass, fitting_batch_size
from pipeline.masks.confidence import mask_confidence
from pipeline.masks.refiner import refine_by_tiles, refiner
from pipeline.masks.refiner_input import Refiner
from pipeline.params import Params
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.prediction import batch_logits, predict_probabilities, view_sides

Kept = TypeVar("Kept")


def prediction_pass(
    net: SegmentationNet,
    manifest: Manifest,
    params: Params,
    keep: Callable[[Sample, Mask, Tensor], Kept],
    description: str,
) -> ImagePass[tuple[Kept, float]]:
    """The pass of `probabilities` over images of a data set.

    Its results are what `keep` makes of the sample, the mask and the probabilities (L, H, W), unrefined,
    and the confidence of the mask in [0, 1] by these probabilities, see `mask_confidence`.
    """
    sides, tiles = view_sides(params.evaluation.scales, net.config.long_side), params.data.tiles
    refine, flip = _refiner(params), params.evaluation.flip

    def compute(batch: Batch) -> list[tuple[Kept, float]]:
        logits, results = batch_logits(net, batch.views, flip=flip), []
        for n, sample in enumerate(batch.samples):
            by_model = logits.probabilities(n, (sample.height, sample.width))
            mask = _most_probable(by_model, refine, batch.images[n] if refine else None, tiles)
            results.append((keep(sample, mask, by_model), _confidence(mask, by_model)))
        return results

    size, keep_images = fitting_batch_size(sides), refine is not None
    return ImagePass(description, manifest, sides, size, compute, keep_images=keep_images)


def probabilities(net: SegmentationNet, image: ImageArray, params: Params) -> NDArray[np.float32]:
    """Probabilities float32 (L, H, W) at the size of `image`; `evaluation.refine` may refine them."""
    scales, flip, refine = params.evaluation.scales, params.evaluation.flip, _refiner(params)
    by_model = predict_probabilities(net, image, scales, flip=flip).cpu().numpy()
    return np.asarray(by_model) if refine is None else _refined(by_model, refine, image, params.data.tiles)


def _refiner(params: Params) -> Refiner | None:
    crf, par = params.pseudo_masks.crf, params.pseudo_masks.par
    return refiner(params.evaluation.refine, crf, par, params.pseudo_masks.segments)


def _most_probable(by_model: Tensor, refine: Refiner | None, image: ImageArray | None, tiles: int) -> Mask:
    """The most probable ids; of refined probabilities where an image comes with a refiner."""
    if refine is None or image is None:
        return by_model.argmax(0).to(torch.uint8).cpu().numpy().astype(np.uint8)
    return np.asarray(_refined(by_model.cpu().numpy(), refine, image, tiles).argmax(0), np.uint8)


def _confidence(mask: Mask, by_model: Tensor) -> float:
    ids = np.unique(mask)  # the predicted ids only: nobody says what the image should show
    return mask_confidence(mask, by_model[ids.tolist()].cpu().numpy(), ids)


def _refined(
    by_model: NDArray[np.float32], refine: Refiner, image: ImageArray, tiles: int
) -> NDArray[np.float32]:
    """The refiner decides among the background and the ids that are most probable somewhere; others get 0.

    In data without background its probability is 0, and the refiner may not give it either.
    """
    probable = np.unique(by_model.argmax(0))
    ids = np.union1d(0, probable) if by_model[0].any() else probable
    refined = np.zeros_like(by_model)
    refined[ids] = refine_by_tiles(refine, image, by_model[ids], tiles)
    return refined
