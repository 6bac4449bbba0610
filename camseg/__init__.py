"""Trained models and heatmaps in Python: `load_model`, `predict`, `explain`."""

from collections.abc import Sequence
from os import PathLike
from pathlib import Path

import numpy as np
import torch

from pipeline.data.images import ImageArray, Mask, read_image
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.heatmaps import explain
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.prediction import predict_probabilities
from pipeline.workflows import saved_model

__all__ = ["explain", "load_model", "predict"]


def load_model(folder: str | PathLike[str]) -> SegmentationNet:
    """The segmentation model of a folder such as `models/segmentation/cam`, in eval mode.

    `config.classes` has the class names: id i + 1 in a mask is class i. The model lies on the GPU where there
    is one, or where the environment variable `CAMSEG_DEVICE` says.

    Raises:
        ValueError: the folder holds no such model.
    """
    return to_channels_last(saved_model.load_model(Path(folder)), pick_device())


def predict(
    model: SegmentationNet,
    image: str | PathLike[str] | ImageArray,
    *,
    scales: Sequence[float] = (1.0,),
    flip: bool = True,
) -> Mask:
    """The id of every pixel, uint8 (H, W): 0 background, then the classes from 1. No CRF.

    Args:
        model: of `load_model`.
        image: a file, read as the model's training images were; or RGB uint8 (H, W, 3).
        scales: the probabilities of these sizes are averaged; 1 is the size that the model was trained at.
        flip: also those of the mirrored image.

    Raises:
        ValueError: the file cannot be read.
    """
    pixels = image if isinstance(image, np.ndarray) else read_image(Path(image), reading=model.config.reading)
    by_class = predict_probabilities(model, pixels, scales, flip=flip)
    return np.asarray(by_class.argmax(0).to(torch.uint8).cpu().numpy(), np.uint8)
