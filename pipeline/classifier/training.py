"""Training of the classifier from image-level labels, and its scores on pictures it has not seen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from pipeline.classifier.network import Classifier
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.resize import image_tensor
from pipeline.data.stream import TrainingStream
from pipeline.engine.device import autocast, pick_device, place, to_device
from pipeline.engine.training import Record, fit
from pipeline.params import Params


def multi_hot(labels: Sequence[int], classes: int) -> Tensor:
    """Image-level labels as float32 (C,) of 0 and 1."""
    vector = torch.zeros(classes)
    vector[list(labels)] = 1
    return vector


def train_classifier(net: Classifier, manifest: Manifest, params: Params, checkpoint: Path) -> list[Record]:
    """Fit `net` to the labels of the `train` split by binary cross-entropy; returns the curve."""
    section = params.classifier
    stream = TrainingStream(
        manifest,
        manifest.split("train"),
        lambda sample: multi_hot(sample.labels, len(manifest.classes)),
        section.training,
        long_side=params.data.long_side,
        seed=params.seed,
    )
    pretrained = [] if section.weights == "none" else list(net.encoder.parameters())
    return fit(
        net,
        functional.binary_cross_entropy_with_logits,
        stream,
        section.training,
        pretrained=pretrained,
        checkpoint=checkpoint,
        description="classifier",
    )


def predict_probabilities(
    net: Classifier, manifest: Manifest, samples: Sequence[Sample], long_side: int
) -> NDArray[np.float32]:
    """Class probabilities (N, C) of whole pictures at the working resolution."""
    device = pick_device()
    place(net, device).eval()
    rows = []
    for sample in tqdm(samples, "classifier on val", unit="image"):
        image = image_tensor(manifest.image(sample), long_side)
        with torch.inference_mode(), autocast(device):
            rows.append(net(to_device(image[None], device)).sigmoid().cpu().numpy()[0])
    return np.stack(rows) if rows else np.zeros((0, len(manifest.classes)), np.float32)
