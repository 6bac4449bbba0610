"""Pixel-adaptive refinement (PAR): probabilities become averages over neighbours that look alike.

Source: Ru et al. 2022, arXiv:2203.02891, eq. 5 to 8, and its reference code, of which are the dilations, the
replicated border and the unbiased standard deviation.
Deviation: the weights are divided by their sum, 1 + 0.01, so that probabilities stay probabilities. The
largest one stays the largest.
"""

from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from pipeline.data.arrays import Probabilities
from pipeline.data.images import ImageArray
from pipeline.masks.refiner_input import normalised_input, solve_at
from pipeline.params import ParParams

DILATIONS = 1, 2, 4, 8, 12, 24  # pixels between a pixel and its 8 neighbours
NEIGHBOURS = [(y, x) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]
OFFSETS = [(d * y, d * x) for d in DILATIONS for y, x in NEIGHBOURS]  # rows and columns
BORDER = max(DILATIONS)  # pixels by which the outermost ones are repeated
SPREAD = 0.3  # w1 and w2: of the standard deviations among the neighbours
POSITION = 0.01  # w3: weight of the position
EPSILON = 1e-8  # where all neighbours are alike, in levels of 0..255


def pixel_adaptive(image: ImageArray, probabilities: Probabilities, params: ParParams) -> Probabilities:
    """Refine label probabilities along the colour edges of the image, without a compiled library.

    Each of `params.iterations` replaces the probabilities of pixel i by the mean over its 48 neighbours j,
    the 8 around it at each of `DILATIONS`, with the weights

        softmax_j(-mean_c (|I_jc - I_ic| / (0.3 s_ic))^2) + 0.01 softmax_j(-(|j - i| / (0.3 s))^2)

    divided by 1.01. I_c are the colour channels, s_ic is the standard deviation of channel c over the
    neighbours of i, and s that of their distances. Images with a long side above `params.max_side` are solved
    at that size. Deterministic.

    Args:
        probabilities: (P + 1, H, W), background first; not negative, divided by their sum here.

    Returns:
        float32 (P + 1, H, W) in [0, 1], sum 1 per pixel.

    Raises:
        ValueError: sizes differ, a probability is negative, NaN or infinite, or all are 0 at a pixel.
    """
    normalised = normalised_input(image, probabilities)
    if len(normalised) == 1:
        return normalised
    return solve_at(params.max_side, partial(_averaged, params.iterations), image, normalised)


def _averaged(iterations: int, image: ImageArray, probabilities: Probabilities) -> Probabilities:
    pixels = torch.from_numpy(image.astype(np.float32)).permute(2, 0, 1)
    weights, averaged = _weights(pixels), torch.tensor(probabilities)
    for _ in range(iterations):
        mean = torch.zeros_like(averaged)
        for weight, neighbour in zip(weights, _neighbours(averaged), strict=True):
            mean.addcmul_(weight, neighbour)
        averaged = mean
    return np.asarray((averaged / averaged.sum(0)).numpy(), np.float32)


def _weights(image: Tensor) -> Tensor:
    """The weights of the neighbours, sum 1: image float32 (3, H, W) in 0..255 -> (48, H, W)."""
    energy = torch.zeros(len(OFFSETS), *image.shape[1:])
    for channel in image:
        neighbours = torch.stack([n[0] for n in _neighbours(channel[None])])
        spread = SPREAD * (neighbours.std(0) + EPSILON)
        energy -= ((neighbours - channel) / spread).square() / len(image)
    distance = torch.tensor(OFFSETS, dtype=torch.float32).norm(dim=1)
    position = (-(distance / (SPREAD * (distance.std() + EPSILON))).square()).softmax(0)
    weights: Tensor = (energy.softmax(0) + POSITION * position[:, None, None]) / (1 + POSITION)
    return weights


def _neighbours(maps: Tensor) -> Iterator[Tensor]:
    """Maps (K, H, W), moved by each of `OFFSETS`; the border is repeated."""
    height, width = maps.shape[1:]
    padded = functional.pad(maps[None], [BORDER] * 4, mode="replicate")[0]
    for row, column in OFFSETS:
        top, left = BORDER + row, BORDER + column
        yield padded[:, top : top + height, left : left + width]
