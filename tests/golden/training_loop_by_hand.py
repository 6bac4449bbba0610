"""The training of `PixelNet` in float64 and without the pipeline: whole images, a batch is an epoch."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from tests.golden.segmentation_stub import MEAN, STD

Weights = list[Tensor]  # of the encoder and of the head


@dataclass
class Example:
    """One image of the batch, float64 (n, 4) colours and 1 of its pixels, and their ids."""

    pixels: Tensor
    ids: Tensor  # int64 (n,), 255 unknown
    allowed: tuple[int, ...]  # ids that a teacher may give; none where the mask is true


@dataclass
class Trained:
    """What a training comes to."""

    weights: Weights
    losses: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)  # of the gradient, before it is clipped
    corrected: list[int] = field(default_factory=list)  # pixels that the teacher changed, by step


def make_example(image: np.ndarray, mask: np.ndarray, allowed: Sequence[int]) -> Example:
    """From RGB uint8 (H, W, 3) and ids uint8 (H, W)."""
    colours = (image.reshape(-1, 3) / 255 - MEAN) / STD
    pixels = np.concatenate([colours, np.ones((len(colours), 1))], 1)
    return Example(torch.from_numpy(pixels), torch.from_numpy(mask.reshape(-1).astype(int)), tuple(allowed))


def logits_of(weights: Weights, pixels: Tensor) -> Tensor:
    """float64 (n, L)."""
    hidden = (pixels @ weights[0].T).tanh()
    return torch.cat([hidden, torch.ones_like(hidden[:, :1])], 1) @ weights[1].T


def train_by_hand(
    start: Weights, batch: Sequence[Example], section: dict[str, Any], factor: float
) -> Trained:
    """The `segmentation` section of params.yaml, applied to the same batch in every step.

    Args:
        factor: of the encoder's learning rate.
    """
    training, teacher = section["training"], section["teacher"]
    weights, result = [w.clone() for w in start], Trained([])
    average = [w.clone() for w in start]
    memory: list[dict[str, Any]] = [{}, {}]
    shift = shift_by_hand(batch, section["background_prior"])
    for step in range(training["steps"]):
        if step:
            average = [w + teacher["decay"] * (a - w) for a, w in zip(average, weights, strict=True)]
        taught = step >= teacher["start"] * training["steps"]
        targets = [corrected(e, average, teacher["confidence"]) if taught else e.ids for e in batch]
        loss, gradients = loss_and_gradients(weights, batch, targets, shift)
        norm = float(torch.cat([g.reshape(-1) for g in gradients]).norm())
        clipped = [g * min(1, training["clip_norm"] / (norm + 1e-6)) for g in gradients]  # as torch does
        rate = rate_by_hand(training, step)
        update = {"sgd": sgd, "adamw": adamw}[training["optimizer"]]
        for number, share in enumerate((factor, 1.0)):
            decay = training["weight_decay"]
            weights[number] = update(weights[number], clipped[number], rate * share, decay, memory[number])
        result.losses.append(loss)
        result.rates.append(rate)
        result.norms.append(norm)
        changed = [int((t != e.ids).sum()) for t, e in zip(targets, batch, strict=True)]
        result.corrected.append(sum(changed))
    result.weights = weights
    return result


def shift_by_hand(batch: Sequence[Example], prior: float) -> float:
    """prior * log(background pixels / object pixels) of all that is drawn in an epoch."""
    background = sum(int((e.ids == 0).sum()) for e in batch)
    known = sum(int((e.ids != 255).sum()) for e in batch)
    return float(prior * np.log(background / (known - background)))


def rate_by_hand(training: dict[str, Any], step: int) -> float:
    """Up in a line over the warm-up, and down as a power of what is left."""
    up = min(1, (step + 1) / (training["warmup_steps"] + 1))
    return float(training["lr"] * up * (1 - step / training["steps"]) ** training["poly_power"])


def corrected(example: Example, average: Weights, confidence: float) -> Tensor:
    """The ids with the teacher's, pixel by pixel, where it is sure enough among the image's own labels."""
    if not example.allowed:
        return example.ids
    allowed = list(example.allowed)
    probabilities = logits_of(average, example.pixels)[:, allowed].softmax(1).numpy()
    highest = probabilities.max(1)
    assert np.abs(highest - confidence).min() > 1e-7, "rounding would decide: take another seed"
    ids = example.ids.clone()
    for pixel in np.flatnonzero((highest > confidence) & (example.ids.numpy() != 255)):
        ids[pixel] = allowed[int(probabilities[pixel].argmax())]
    return ids


def loss_and_gradients(
    weights: Weights, batch: Sequence[Example], targets: Sequence[Tensor], shift: float
) -> tuple[float, Weights]:
    """Half the mean over all background pixels of the batch, half that over all object pixels."""
    leaves = [w.clone().requires_grad_() for w in weights]
    logits = torch.cat([logits_of(leaves, e.pixels) for e in batch])
    ids = torch.cat(list(targets))
    logits = logits - shift * torch.eye(logits.shape[1], dtype=torch.float64)[0]
    known = ids != 255
    losses = torch.logsumexp(logits[known], 1) - logits[known].gather(1, ids[known, None])[:, 0]
    objects = ids[known] > 0
    loss = (losses[~objects].mean() + losses[objects].mean()) / 2
    return loss.item(), list(torch.autograd.grad(loss, leaves))


def sgd(weight: Tensor, gradient: Tensor, rate: float, decay: float, memory: dict[str, Any]) -> Tensor:
    """Momentum 0.9 of the gradient of the loss and of the weight decay."""
    gradient = gradient + decay * weight
    memory["velocity"] = 0.9 * memory["velocity"] + gradient if memory else gradient
    return weight - rate * memory["velocity"]


def adamw(weight: Tensor, gradient: Tensor, rate: float, decay: float, memory: dict[str, Any]) -> Tensor:
    """Loshchilov and Hutter 2019, algorithm 2, with the betas 0.9 and 0.999."""
    zero = torch.zeros_like(weight)
    count = memory["count"] = memory.get("count", 0) + 1
    first = memory["first"] = 0.9 * memory.get("first", zero) + 0.1 * gradient
    second = memory["second"] = 0.999 * memory.get("second", zero) + 0.001 * gradient**2
    step = first / (1 - 0.9**count) / ((second / (1 - 0.999**count)).sqrt() + 1e-8)
    return weight * (1 - rate * decay) - rate * step
