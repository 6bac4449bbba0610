"""Backgrounds of scenes: six kinds of place with soft gradients and texture, at the size of the image."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from pipeline.scenes.colours import FloatColour, Tint, draw_colour, mix, rgb
from pipeline.scenes.paint import Floats, resized

# All kinds but water are equally likely where the scene does not ask for water.
LAND: tuple[str, ...] = ("meadow", "sand", "night", "room", "snow")

_GROUND = {
    "meadow": Tint((0.19, 0.36), (0.3, 0.6), (0.5, 0.78)),
    "sand": Tint((0.06, 0.14), (0.25, 0.5), (0.7, 0.92)),
    "night": Tint((0.4, 0.75), (0.25, 0.5), (0.16, 0.28)),
    "room": Tint((0.03, 0.12), (0.2, 0.55), (0.4, 0.8)),
    "water": Tint((0.47, 0.62), (0.35, 0.7), (0.45, 0.8)),
    "snow": Tint((0.5, 0.68), (0.03, 0.12), (0.86, 0.98)),
}
_SKY = Tint((0.5, 0.63), (0.12, 0.5), (0.75, 0.97))
_DUSK = Tint((0.9, 1.1), (0.15, 0.45), (0.75, 0.95))
_NIGHT_SKY = Tint((0.6, 0.75), (0.4, 0.7), (0.12, 0.3))
_WALL = Tint((0.0, 1.0), (0.05, 0.4), (0.6, 0.95))


@dataclass(frozen=True)
class Background:
    """A place without items."""

    kind: str
    image: Floats  # (H, W, 3) in [0, 255]
    horizon: int  # row; items stand below it
    ambient: FloatColour  # factors for the colours of items

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.image.shape[0], self.image.shape[1]


def paint_background(rng: Generator, kind: str, size: tuple[int, int], clutter: bool) -> Background:
    """A place of the given kind for an image of `size` (rows, columns); clouds and windows are `clutter`."""
    height, width = size
    horizon = int(height * rng.uniform(0.28, 0.5))
    image = np.empty((height, width, 3), np.float32)
    if kind == "room":
        _paint_wall(rng, image[:horizon], clutter)
    else:
        _paint_sky(rng, kind, image[:horizon], clutter)
    if kind in ("meadow", "sand", "snow", "night"):
        _paint_hills(rng, kind, image, horizon)
    _paint_ground(rng, kind, image[horizon:])
    ambient = rgb(0.72, 0.74, 0.9) if kind == "night" else rgb(1, 1, 1)
    return Background(kind, image, horizon, ambient)


def soft_noise(rng: Generator, size: tuple[int, ...], cell: tuple[float, float]) -> Floats:
    """Smooth texture of about unit variance; `size` and the features' `cell` are (rows, columns)."""
    rows, columns = (max(int(np.ceil(s / c)) + 1, 2) for s, c in zip(size, cell, strict=True))
    coarse = rng.standard_normal((rows, columns), dtype=np.float32)
    return resized(coarse, size, cv2.INTER_CUBIC)


def _gradient(image: Floats, top: FloatColour, bottom: FloatColour) -> None:
    share = np.linspace(0, 1, image.shape[0], dtype=np.float32)[:, None, None]
    image[:] = top * (1 - share) + bottom * share


def _blend(image: Floats, colour: FloatColour, share: Floats) -> None:
    """Mix the share (H, W) of `colour` into the image, in place."""
    image += share[..., None] * (colour - image)


def _brighten(image: Floats, texture: Floats, strength: float) -> None:
    image *= 1 + np.float32(strength) * texture[..., None]


def _paint_sky(rng: Generator, kind: str, image: Floats, clouds: bool) -> None:
    size = image.shape[:2]
    if kind == "night":
        top = draw_colour(rng, _NIGHT_SKY)
        _gradient(image, top, mix(top, rgb(130, 110, 150), 0.35))
        image[rng.random(size) < 0.004] = mix(top, rgb(255, 250, 235), 0.7)
        return
    low = draw_colour(rng, _DUSK if rng.random() < 0.3 else _SKY)
    _gradient(image, draw_colour(rng, _SKY), mix(low, rgb(255, 250, 245), 0.4))
    if clouds:
        cell = image.shape[1] / 5
        puffs = soft_noise(rng, size, (cell / 3, cell)) + 0.5 * soft_noise(rng, size, (cell / 7, cell / 3))
        _blend(image, rgb(253, 251, 249), np.clip(0.6 * puffs - 0.2, 0, 0.75))


def _paint_wall(rng: Generator, image: Floats, window: bool) -> None:
    wall = draw_colour(rng, _WALL)
    _gradient(image, wall, mix(wall, rgb(90, 80, 80), 0.12))
    if rng.random() < 0.6:  # wallpaper
        period = int(rng.integers(8, 20))
        stripe = (np.arange(image.shape[1]) // (period // 2)) % 2
        image[:, stripe == 1] *= np.float32(rng.uniform(0.9, 0.96))
    if window and rng.random() < 0.6:
        _paint_window(rng, image)
    board = max(image.shape[0] // 12, 2)
    image[-board:] = mix(wall, rgb(250, 248, 244), 0.7)


def _paint_window(rng: Generator, image: Floats) -> None:
    """A window with a white cross bar that shows the sky."""
    rows, columns = image.shape[:2]
    width = int(columns * rng.uniform(0.18, 0.3))
    left = int(rng.integers(4, columns - width - 4))
    frame = image[rows // 8 : rows - rows // 4, left : left + width]
    frame[:] = rgb(244, 240, 232)
    glass = frame[2:-2, 2:-2]
    _gradient(glass, draw_colour(rng, _SKY), rgb(240, 240, 240))
    glass[:, glass.shape[1] // 2] = glass[glass.shape[0] // 2] = rgb(236, 232, 224)


def _paint_hills(rng: Generator, kind: str, image: Floats, horizon: int) -> None:
    """One or two ridges that rise above the horizon, paler the farther."""
    columns = np.arange(image.shape[1])
    rows = np.arange(horizon)[:, None]
    haze = image[horizon - 1, 0].copy()
    for depth in (0.6, 0.35)[: int(rng.integers(1, 3))]:
        waves = np.zeros(image.shape[1])
        for k in (1, 2, 3):
            height = rng.uniform(0.3, 1) / k
            waves += height * np.sin(columns * k * rng.uniform(0.01, 0.03) + rng.uniform(0, 6))
        ridge = horizon - horizon * depth * (0.35 + 0.25 * waves)
        colour = mix(draw_colour(rng, _GROUND[kind]), haze, depth)
        _blend(image[:horizon], colour, np.clip(rows - ridge + 0.5, 0, 1).astype(np.float32))


def _paint_ground(rng: Generator, kind: str, image: Floats) -> None:
    near = draw_colour(rng, _GROUND[kind])
    haze = 0.05 if kind == "night" else 0.22
    _gradient(image, mix(near, rgb(235, 235, 235), haze), near * np.float32(0.92))
    size = image.shape[:2]
    match kind:
        case "meadow" | "night":
            _brighten(image, soft_noise(rng, size, (9, 22)), 0.06)
            _brighten(image, soft_noise(rng, size, (4, 1.5)), 0.06)
        case "sand" | "snow":
            _brighten(image, soft_noise(rng, size, (7, 40)), 0.035)
            _brighten(image, soft_noise(rng, size, (1, 1)), 0.012)
        case "water":
            _paint_ripples(rng, image)
        case _:
            _paint_floor(rng, image)


def _paint_ripples(rng: Generator, image: Floats) -> None:
    """Waves that grow towards the viewer: thin light crests on a soft swell."""
    height, width = image.shape[:2]
    t = np.linspace(0, 1, height, dtype=np.float32)
    farther = (height * (3 * t - t * t)).astype(np.int64)  # three rows of waves per pixel at the horizon
    swell = soft_noise(rng, (2 * height + 1, width), (11, 40))[farther]
    crests = soft_noise(rng, (2 * height + 1, width), (3.4, 13))[farther]
    _brighten(image, swell, 0.06)
    _blend(image, rgb(245, 252, 255), np.clip(crests - 0.7, 0, 0.6) * (0.3 + 0.35 * t[:, None]))


def _paint_floor(rng: Generator, image: Floats) -> None:
    """Planks that run towards the viewer."""
    height, width = image.shape[:2]
    depth = np.linspace(1.0, 1.9, height, dtype=np.float32)[:, None]
    across = (np.arange(width, dtype=np.float32)[None, :] - width / 2) / depth
    plank = width / rng.uniform(7, 12)
    index = np.floor(across / plank).astype(np.int64)
    tones = rng.uniform(0.93, 1.05, 64).astype(np.float32)
    image *= tones[index % 64][..., None]
    image *= np.where((across / plank - index) < 0.06, np.float32(0.85), np.float32(1))[..., None]
    _brighten(image, soft_noise(rng, (height, width), (14, 2)), 0.03)
