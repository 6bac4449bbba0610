"""What the stub networks should say of images, by the definitions: float64, no line of the pipeline."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from safetensors.numpy import load_file

Array = NDArray[np.float64]
Ids = NDArray[np.uint8]
Weights = Mapping[str, Array]

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])  # of ImageNet


def read_ids(file: Path) -> Ids:
    """The ids of a mask."""
    return np.array(Image.open(file))


def read_heat(folder: Path) -> dict[str, Ids]:
    """All heatmaps of a store, by the sample's name."""
    return {k: v for file in sorted(folder.glob("*.safetensors")) for k, v in load_file(file).items()}


def read_tensors(file: Path) -> dict[str, Array]:
    """A saved network in float64."""
    return {name: value.astype(np.float64) for name, value in load_file(file).items()}


def linear_filter(before: int, after: int, antialias: bool) -> Array:
    """Weights (after, before) of a bilinear resize of one side, without aligned corners.

    Without antialiasing a value is read between two pixels, those at the border repeated. With it, a triangle
    as wide as the reduction is laid over the pixels and its weights are divided by their sum.
    """
    ratio = before / after
    weights = np.zeros((after, before))
    for i in range(after):
        centre = (i + 0.5) * ratio - 0.5
        if antialias:
            distance = np.abs(np.arange(before) - centre) / max(ratio, 1)
            weights[i] = np.clip(1 - distance, 0, None)
            weights[i] /= weights[i].sum()
        else:
            low = int(np.floor(max(centre, 0)))
            share = max(centre, 0) - low
            weights[i, low] += 1 - share
            weights[i, min(low + 1, before - 1)] += share
    return weights


def resize(maps: Array, size: tuple[int, int], *, antialias: bool) -> Array:
    """Maps (..., H, W) at another size."""
    rows = linear_filter(maps.shape[-2], size[0], antialias)
    columns = linear_filter(maps.shape[-1], size[1], antialias)
    return np.asarray(rows @ maps @ columns.T)


def working_size(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Height and width with the longer side at `long_side` pixels."""
    return round(size[0] * long_side / max(size)), round(size[1] * long_side / max(size))


def grid_size(size: tuple[int, int], long_side: int) -> tuple[int, int]:
    """Rows and columns of a stored map: a cell for 4 x 4 pixels of the working image."""
    height, width = working_size(size, long_side)
    return int(np.ceil(height / 4)), int(np.ceil(width / 4))


def pixels(image: Ids, long_side: int) -> Array:
    """The image (3, h, w) in [0, 1] at the working resolution."""
    size = working_size((image.shape[0], image.shape[1]), long_side)
    return resize(image.transpose(2, 0, 1) / 255, size, antialias=True)


def colours(weights: Weights, image: Array) -> tuple[Array, Array]:
    """The normalised image, and the stub encoder's convolution of 1 x 3 pixels and relu of it."""
    normalised = (image - MEAN[:, None, None]) / STD[:, None, None]
    padded = np.pad(normalised, ((0, 0), (0, 0), (1, 1)))
    taps = weights["encoder.colours.weight"][:, :, 0]  # (K, 3, 3)
    result = np.zeros((len(taps), *normalised.shape[1:])) + weights["encoder.colours.bias"][:, None, None]
    for tap in range(3):
        result += np.tensordot(taps[:, :, tap], padded[:, :, tap : tap + normalised.shape[2]], 1)
    return normalised, np.maximum(result, 0)


def block_means(maps: Array, side: int) -> Array:
    """Means over blocks of `side` x `side` pixels; what does not fill a block is left out."""
    channels, height, width = maps.shape
    rows, columns = height // side, width // side
    cut = maps[:, : rows * side, : columns * side]
    return np.asarray(cut.reshape(channels, rows, side, columns, side).mean((2, 4)))


def class_probabilities(weights: Weights, image: Ids, long_side: int) -> Array:
    """What the classifier says of an image, (C,): the sigmoid of FC of the mean over all cells."""
    pooled = block_means(colours(weights, pixels(image, long_side))[1], 8).mean((1, 2))
    return np.asarray(1 / (1 + np.exp(-(weights["fc.weight"] @ pooled + weights["fc.bias"]))))


def raw_map(method: str, weights: Weights, activations: Array, label: int) -> Array:
    """CAM, or Grad-CAM++ by its paper's equation 19; the gradient of a mean is the weight over the cells."""
    row = weights["fc.weight"][label]
    if method == "cam":
        return np.asarray(np.tensordot(row, activations, 1))
    result = np.zeros(activations.shape[1:])
    for weight, channel in zip(row, activations, strict=True):
        gradient = weight / channel.size
        if gradient > 0:
            alpha = gradient**2 / (2 * gradient**2 + channel.sum() * gradient**3)
            result += channel.size * alpha * gradient * channel
    return np.maximum(result, 0)


def heatmap(
    method: str, weights: Weights, image: Ids, label: int, section: Mapping[str, Any], long_side: int
) -> Array:
    """One heatmap in [0, 1] of the section `heatmaps`, at a quarter of the working resolution."""
    size = grid_size((image.shape[0], image.shape[1]), long_side)
    total = np.zeros(size)
    for scale in section["scales"]:
        view = pixels(image, round(scale * long_side))
        for flipped in (False, True) if section["flip"] else (False,):
            activations = block_means(colours(weights, view[..., ::-1] if flipped else view)[1], 8)
            heat = raw_map(method, weights, activations, label)
            heat = np.maximum(resize(heat, size, antialias=False), 0)
            total += heat[:, ::-1] if flipped else heat
    total /= total.max()
    walk = section["walk"]
    if walk["restart"] == 1:
        return total
    return walked(total, weights, pixels(image, round(walk["scale"] * long_side)), walk)


def walked(heat: Array, weights: Weights, view: Array, walk: Mapping[str, Any]) -> Array:
    """The heat after the random walk over the cells of its own grid, divided by its maximum."""
    normalised, activations = colours(weights, view)
    depths = [normalised, *(block_means(activations, side) for side in (2, 4, 8, 8, 8))]
    alike = np.mean([cosines(depth, heat.shape) for depth in depths], axis=0)
    if walk["features"] != "classifier":
        rows, columns = (-(-side // 32) * 32 for side in view.shape[1:])
        enlarged = resize(view, (rows, columns), antialias=False)
        others = block_means(colours(read_tensors(Path(walk["weights"])), enlarged)[1], 8)
        alike = (1 - walk["share"]) * alike + walk["share"] * cosines(others, heat.shape)
    alike = np.maximum(alike, 0) ** walk["power"]
    steps = alike / alike.sum(1, keepdims=True)
    restart = walk["restart"]
    system = np.eye(len(steps)) - (1 - restart) * steps
    spread = restart * np.linalg.solve(system, heat.ravel())
    return np.asarray(spread / spread.max()).reshape(heat.shape)


def cosines(features: Array, size: tuple[int, ...]) -> Array:
    """Cosine of every two cells, the mean over the cells taken off their features."""
    rows, columns = size
    resized = resize(features, (rows, columns), antialias=features.shape[1] > rows)
    cells = resized.reshape(len(features), -1)
    cells = cells - cells.mean(1, keepdims=True)
    cells = cells / np.linalg.norm(cells, axis=0)
    return np.asarray(cells.T @ cells)


def label_shares(
    weights: Weights, image: Ids, labels: Sequence[int], section: Mapping[str, Any], long_side: int
) -> Ids:
    """What the segmentation model says of each label against the background, uint8 (P, h, w) * 255."""
    size = working_size((image.shape[0], image.shape[1]), long_side)
    result = []
    for scale in section["scales"]:
        view = pixels(image, round(scale * long_side))
        views = [label_probabilities(weights, view, size)]
        if section["flip"]:
            views.append(label_probabilities(weights, view[..., ::-1], size, flipped=True))
        result.append(np.mean(views, axis=0))
    mean = np.mean(result, axis=0)
    present = mean[[label + 1 for label in labels]]
    cells = grid_size((image.shape[0], image.shape[1]), long_side)
    return np.round(resize(present / (present + mean[0]), cells, antialias=True) * 255).astype(np.uint8)


def label_probabilities(
    weights: Weights, view: Array, size: tuple[int, int], *, flipped: bool = False
) -> Array:
    """Softmax (L, h, w) of the stub's logits; they are turned back and resized before it."""
    height, width = view.shape[1:]
    padded = np.pad(view, ((0, 0), (0, -height % 32), (0, -width % 32)), mode="edge")
    cells = block_means(colours(weights, padded)[1], 4)
    logits = np.tensordot(weights["segmentation_head.0.weight"][:, :, 0, 0], cells, 1)
    logits += weights["segmentation_head.0.bias"][:, None, None]
    logits = resize(logits, padded.shape[1:], antialias=False)[:, :height, :width]
    logits = resize(logits[..., ::-1] if flipped else logits, size, antialias=False)
    powers = np.exp(logits - logits.max(0))
    return np.asarray(powers / powers.sum(0))
