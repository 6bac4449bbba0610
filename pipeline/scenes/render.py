"""Rendering of one scene: the image and its exact mask, from one seed."""

from dataclasses import dataclass

import cv2
import numpy as np

from pipeline.params import ScenesParams
from pipeline.scenes.backgrounds import Background, paint_background, soft_noise
from pipeline.scenes.colours import FloatColour, draw_palette
from pipeline.scenes.layout import Ground, arrange, draw_place, draw_size, pick_classes
from pipeline.scenes.objects import CLASSES
from pipeline.scenes.paint import (
    ENLARGE,
    Bytes,
    Floats,
    crop_box,
    paint_part,
    paint_shadow,
    paint_wake,
    resized,
)
from pipeline.scenes.visibility import Instance, instance_map

__all__ = ["CLASSES", "Scene", "render_scene"]

_SPLITS = {"train": 0, "val": 1}


@dataclass(frozen=True)
class Scene:
    """`image` uint8 `(H, W, 3)` RGB; `mask` uint8 `(H, W)`: 0 background, index in `CLASSES` + 1."""

    image: Bytes
    mask: Bytes


def render_scene(index: int, split: str, seed: int, params: ScenesParams) -> Scene:
    """Scene number `index` of a split; it depends on the arguments only, not on what was rendered before.

    Raises
    ------
    ValueError
        If `split` is neither `train` nor `val`.
    """
    if split not in _SPLITS:
        raise ValueError(f"expected split to be one of {sorted(_SPLITS)}, got {split!r}")
    entropy = np.random.SeedSequence([seed, _SPLITS[split], index])
    rng = np.random.Generator(np.random.PCG64(entropy))
    size = draw_size(rng, params.long_side)
    classes = pick_classes(rng, params)
    place = draw_place(rng, classes, params.context_bias)
    background = paint_background(rng, place, size, params.clutter)
    items = arrange(rng, classes, Ground(place, size, background.horizon), params)
    return Scene(_paint(rng, background, items, place), _mask(items, size))


def _mask(items: list[Instance], size: tuple[int, int]) -> Bytes:
    labels = np.array([0, *(item.label for item in items)], dtype=np.uint8)
    return np.take(labels, instance_map(items, size))


def _paint(rng: np.random.Generator, background: Background, items: list[Instance], place: str) -> Bytes:
    """The image, uint8 `(H, W, 3)`: background, items back to front, light, and the camera's noise."""
    size = background.image.shape[:2]
    enlarged = (size[0] * ENLARGE, size[1] * ENLARGE)
    canvas = resized(background.image, enlarged, cv2.INTER_NEAREST)
    light = (float(rng.choice([-0.6, 0.6])), -0.8)
    grain = _grain(rng, enlarged)
    for item in items:
        palette = draw_palette(rng, item.tint, _colours_behind(canvas, item), background.ambient)
        if place == "water":
            paint_wake(canvas, item.parts)
        else:
            paint_shadow(canvas, item.parts, light)
        for part in item.parts:
            paint_part(canvas, part, palette, light, grain)
    return _developed(rng, resized(canvas, size, cv2.INTER_AREA))


def _grain(rng: np.random.Generator, size: tuple[int, int]) -> Floats:
    """Texture of surfaces, factors around 0, for an enlarged canvas of `size`."""
    fine = soft_noise(rng, size, (ENLARGE, ENLARGE))
    coarse = soft_noise(rng, size, (6 * ENLARGE, 6 * ENLARGE))
    return np.float32(0.025) * fine + np.float32(0.015) * coarse


def _colours_behind(canvas: Floats, item: Instance) -> list[FloatColour]:
    """Mean colours of the canvas behind the upper and the lower half of an item."""
    box = crop_box(item.parts, canvas.shape, margin=2.0)
    if box is None:
        return [np.zeros(3, np.float32)]
    half = (box[0].start + box[0].stop) // 2
    halves = (slice(box[0].start, half), slice(half, box[0].stop))
    return [canvas[rows, box[1]].mean(axis=(0, 1)) for rows in halves]


def _developed(rng: np.random.Generator, image: Floats) -> Bytes:
    """Exposure, colour cast, vignette and noise; rounds to bytes."""
    cast = rng.uniform(0.95, 1.05, 3) * rng.uniform(0.9, 1.06)
    rows, columns = image.shape[:2]
    across = np.linspace(-1, 1, columns) ** 2
    down = np.linspace(-1, 1, rows) ** 2
    vignette = 1 - rng.uniform(0.0, 0.09) * (down[:, None] + across[None, :])
    noise = rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(1.0, 3.0)
    developed = image * cast * vignette[..., None] + noise
    return np.rint(developed).clip(0, 255).astype(np.uint8)
