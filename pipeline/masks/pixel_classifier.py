"""A small classifier of single pixels, learnt from the pseudo-masks of a whole data set.

Heat says roughly where a class is, and is often wrong at a pixel; its errors differ from image to image. What
pixels of a class look like in many masks, and those of the other classes do not, is the class's own. So a
classifier that sees colour and texture alone, too small to learn single errors, is right more often than the
masks it learnt from (Menon et al. 2015, ICML, on learning from corrupted labels).
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from pipeline.data.arrays import Probabilities
from pipeline.data.images import ImageArray, Mask

SCALES = 1, 2, 4, 8  # sigma of the blurs, pixels
FEATURES = 3 + 5 * len(SCALES)
HIDDEN = 64
PASSES, LR, WEIGHT_DECAY = 4, 1e-2, 1.0  # few and strong: what single images show is not learnt
BATCHES, LARGEST_BATCH = 40, 4096  # of a pass, and pixels
FLOOR = 1e-3  # no class is less probable: one pixel that looks odd must not decide
POWER = 0.5  # of the likelihood: neighbouring pixels say the same, and heat taught the masks
ROWS = 65_536  # pixels at a time

PixelFeatures = NDArray[np.float32]  # (pixels, FEATURES)


class PixelClassifier(NamedTuple):
    """Two hidden layers on normalised features, as arrays."""

    mean: NDArray[np.float32]  # (FEATURES,)
    std: NDArray[np.float32]  # (FEATURES,)
    taught: NDArray[np.bool_]  # (L,): ids of which it saw pixels; of others it knows nothing
    layers: tuple[NDArray[np.float32], ...]  # weights (in, out) and bias (out,) of each of three layers

    def log_likelihoods(self, features: PixelFeatures) -> NDArray[np.float32]:
        """Of each id in [0, L), up to a constant of each pixel: float32 (pixels, L), in [log FLOOR, 0]."""
        parts = [features[start : start + ROWS] for start in range(0, len(features), ROWS)]
        with _one_thread():
            return np.concatenate([self._of_part(part) for part in parts])

    def _of_part(self, features: PixelFeatures) -> NDArray[np.float32]:
        weights, biases = (map(torch.tensor, self.layers[start::2]) for start in (0, 1))
        values = torch.tensor((features - self.mean) / self.std)
        logits = _logits(list(zip(weights, biases, strict=True)), values)
        likelihoods = functional.log_softmax(logits, dim=1).clamp(min=math.log(FLOOR))
        return np.asarray(likelihoods.numpy(), np.float32)


def pixel_features(image: ImageArray) -> PixelFeatures:
    """Colour and texture of each pixel of an image (H, W, 3), in the order of its rows.

    CIE Lab, and at each of `SCALES` the blurred Lab, the standard deviation and the gradient of lightness.
    """
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    features = np.empty((*image.shape[:2], FEATURES), np.float32)
    features[..., :3] = lab
    for number, sigma in enumerate(SCALES):
        at = 3 + 5 * number
        blurred = cv2.GaussianBlur(lab, (0, 0), sigma)
        light = np.ascontiguousarray(blurred[..., 0])
        squares = cv2.GaussianBlur(np.square(lab[..., 0]), (0, 0), sigma)
        features[..., at : at + 3] = blurred
        features[..., at + 3] = np.sqrt(np.maximum(squares - np.square(light), 0))
        features[..., at + 4] = np.hypot(*(cv2.Sobel(light, cv2.CV_32F, *axis) for axis in ((1, 0), (0, 1))))
    return features.reshape(-1, FEATURES)


def train_pixel_classifier(features: PixelFeatures, ids: Mask, labels: int, seed: int) -> PixelClassifier:
    """Cross-entropy in which all ids have the same weight, so that its probabilities are likelihoods.

    Args:
        features: of the drawn pixels, (pixels, FEATURES).
        ids: what masks say of them, uint8 (pixels,), below `labels`.
        labels: L, with the background.
        seed: of the weights and the batches.
    """
    with _one_thread():
        return _trained(features, ids, labels, torch.Generator().manual_seed(seed))


def _trained(features: PixelFeatures, ids: Mask, labels: int, generator: torch.Generator) -> PixelClassifier:
    mean, std = features.mean(axis=0), features.std(axis=0) + np.float32(1e-6)
    inputs, targets = torch.from_numpy((features - mean) / std), torch.from_numpy(ids.astype(np.int64))
    counts = np.bincount(ids, minlength=labels)
    weights = torch.from_numpy((len(ids) / np.maximum(counts, 1)).astype(np.float32))
    sides = (FEATURES, HIDDEN, HIDDEN, labels)
    layers = [_layer(*pair, generator) for pair in pairwise(sides)]
    parameters = [tensor for layer in layers for tensor in layer]
    batch = min(LARGEST_BATCH, -(-len(ids) // BATCHES))
    steps = -(-PASSES * len(ids) // batch)
    optimizer = torch.optim.AdamW(parameters, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LR, total_steps=steps)
    for _ in range(steps):
        drawn = torch.randint(len(inputs), (batch,), generator=generator)
        loss = functional.cross_entropy(_logits(layers, inputs[drawn]), targets[drawn], weights)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    return PixelClassifier(mean, std, counts > 0, tuple(tensor.detach().numpy() for tensor in parameters))


def with_likelihoods(
    probabilities: Probabilities, log_likelihoods: NDArray[np.float32], ids: Mask
) -> Probabilities:
    """Probabilities (P + 1, H, W) times the likelihoods to the power `POWER`, with the sum 1 at a pixel.

    Args:
        log_likelihoods: (H * W, L), see `PixelClassifier`.
        ids: of the probabilities, uint8 (P + 1,).
    """
    of_ids = log_likelihoods[:, ids].T.reshape(probabilities.shape)
    scores = probabilities * np.exp(POWER * (of_ids - of_ids.max(axis=0)))
    return np.asarray(scores / scores.sum(axis=0), np.float32)


@contextmanager
def _one_thread() -> Iterator[None]:
    """The number of threads changes the last digits, and more make so small a network no faster.

    numpy has no such setting, so torch computes the products.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _layer(inputs: int, outputs: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Weights (inputs, outputs) by He et al. 2015 (arXiv:1502.01852, eq. 10), and a bias of 0."""
    weights = nn.init.kaiming_normal_(torch.empty(outputs, inputs), nonlinearity="relu", generator=generator)
    return weights.T.contiguous().requires_grad_(), torch.zeros(outputs, requires_grad=True)


def _logits(layers: list[tuple[Tensor, Tensor]], values: Tensor) -> Tensor:
    for weights, bias in layers[:-1]:
        values = functional.relu(values @ weights + bias)
    return values @ layers[-1][0] + layers[-1][1]
