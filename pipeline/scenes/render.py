"""One rendered scene: the image and its exact mask, from one seed."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import PCG64, Generator, SeedSequence

from pipeline.params import ScenesParams
from pipeline.scenes.backgrounds import Background, paint_background, soft_noise
from pipeline.scenes.colours import FloatColour, draw_palette
from pipeline.scenes.layout import arrange, draw_background_kind, draw_size, pick_classes
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

_SPLITS = {"train": 0, "val": 1}


@dataclass(frozen=True)
class Scene:
    """`image` uint8 `(H, W, 3)` RGB; `mask` uint8 `(H, W)`: 0 background, class index + 1."""

    image: Bytes
    mask: Bytes


def render_scene(index: int, split: str, seed: int, params: ScenesParams) -> Scene:
    """Scene number `index` of a split; it depends on the arguments only, not on earlier scenes."""
    if split not in _SPLITS:
        raise ValueError(f"expected split to be one of {sorted(_SPLITS)}, got {split!r}")
    rng = Generator(PCG64(SeedSequence([seed, _SPLITS[split], index])))
    size = draw_size(rng, params.long_side)
    classes = pick_classes(rng, params)
    kind = draw_background_kind(rng, classes, params.context_bias)
    background = paint_background(rng, kind, size, params.clutter)
    items = arrange(rng, classes, background, params)
    image = _paint(rng, background, items)
    ids = np.array([0, *(item.label for item in items)], dtype=np.uint8)
    return Scene(image, np.take(ids, instance_map(items, size)))


def _paint(rng: Generator, background: Background, items: list[Instance]) -> Bytes:
    """The image, uint8 `(H, W, 3)`: background, items back to front, light, and the camera's noise."""
    rows, columns = background.size
    enlarged = (rows * ENLARGE, columns * ENLARGE)
    canvas = resized(background.image, enlarged, cv2.INTER_NEAREST)
    light = (float(rng.choice([-0.6, 0.6])), -0.8)
    grain = _grain(rng, enlarged)
    for item in items:
        palette = draw_palette(rng, item.tint, _colours_behind(canvas, item), background.ambient)
        if background.kind == "water":
            paint_wake(canvas, item.parts)
        else:
            paint_shadow(canvas, item.parts, light)
        for part in item.parts:
            paint_part(canvas, part, palette, light, grain)
    return _develop(rng, resized(canvas, background.size, cv2.INTER_AREA))


def _grain(rng: Generator, size: tuple[int, int]) -> Floats:
    """Texture of surfaces: factors around 0 for an enlarged canvas of `size`."""
    fine = soft_noise(rng, size, (ENLARGE, ENLARGE))
    coarse = soft_noise(rng, size, (6 * ENLARGE, 6 * ENLARGE))
    return np.float32(0.025) * fine + np.float32(0.015) * coarse


def _colours_behind(canvas: Floats, item: Instance) -> list[FloatColour]:
    """Mean colours of the canvas behind the upper and the lower half of an item."""
    box = crop_box(item.parts, canvas.shape, margin=2.0)
    if box is None:
        return [np.zeros(3, np.float32)]
    behind = canvas[box]
    half = (box[0].start + box[0].stop) // 2 - box[0].start
    return [rows.mean(axis=(0, 1)) for rows in (behind[:half], behind[half:])]


def _develop(rng: Generator, image: Floats) -> Bytes:
    """The image with exposure, colour cast, vignette and noise, rounded to bytes."""
    cast = rng.uniform(0.95, 1.05, 3) * rng.uniform(0.9, 1.06)
    rows, columns = image.shape[:2]
    across = np.linspace(-1, 1, columns) ** 2
    down = np.linspace(-1, 1, rows) ** 2
    vignette = 1 - rng.uniform(0.0, 0.09) * (down[:, None] + across[None, :])
    noise = rng.standard_normal(image.shape, dtype=np.float32) * rng.uniform(1.0, 3.0)
    developed = image * cast * vignette[..., None] + noise
    return np.rint(developed).clip(0, 255).astype(np.uint8)
