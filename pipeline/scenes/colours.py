"""Colours: float32 RGB in [0, 255], ranges to draw them from, and an object's palette."""

import colorsys
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

FloatColour = npt.NDArray[np.float32]
Palette = dict[str, FloatColour]

_TRIES = 10
_MIN_GAP = 85.0  # RGB distance; a closer colour could melt into what lies behind the object


@dataclass(frozen=True)
class Tint:
    """Ranges of hue (may pass 1), saturation and value, each in [0, 1]."""

    hue: tuple[float, float]
    saturation: tuple[float, float]
    value: tuple[float, float]


ANY = Tint((0.0, 1.0), (0.12, 0.66), (0.42, 0.96))


def rgb(red: float, green: float, blue: float) -> FloatColour:
    """The colour `(3,)` of three numbers."""
    return np.array([red, green, blue], dtype=np.float32)


def draw_colour(rng: Generator, tint: Tint) -> FloatColour:
    """A colour `(3,)` drawn uniformly from the ranges of `tint`."""
    hue, saturation, value = (rng.uniform(*r) for r in (tint.hue, tint.saturation, tint.value))
    return rgb(*(255 * c for c in colorsys.hsv_to_rgb(hue % 1.0, saturation, value)))


def mix(first: FloatColour, second: FloatColour, share: float) -> FloatColour:
    """`first` with the given share of `second`."""
    return (first * np.float32(1 - share) + second * np.float32(share)).astype(np.float32)


def clear_colour(rng: Generator, tint: Tint, avoid: list[FloatColour]) -> FloatColour:
    """A colour from `tint` that stands out from all of `avoid`, or the best of some tries."""
    best, best_gap = draw_colour(rng, tint), -1.0
    for _ in range(_TRIES):
        colour = draw_colour(rng, tint)
        gap = min(float(np.linalg.norm(colour - other)) for other in avoid)
        if gap > _MIN_GAP:
            return colour
        if gap > best_gap:
            best, best_gap = colour, gap
    return best


def draw_palette(rng: Generator, tint: Tint, behind: list[FloatColour], ambient: FloatColour) -> Palette:
    """Named colours of one object under the light `ambient` (factors), set off from the colours `behind`."""
    beak = draw_colour(rng, Tint((0.05, 0.12), (0.8, 0.95), (0.9, 1.0)))
    avoid = [colour / ambient for colour in behind]
    body = clear_colour(rng, tint, [*avoid, beak])
    accent = clear_colour(rng, Tint((0.0, 1.0), (0.0, 0.6), (0.8, 1.0)), [*avoid, body])
    ink, white = rgb(38, 32, 40), rgb(252, 250, 245)
    palette = {
        "body": body,
        "dark": mix(body, ink, 0.3),
        "light": mix(body, white, 0.5),
        "accent": accent,
        "beak": beak,
        "beak_dark": mix(beak, ink, 0.25),
        "pink": mix(body, rgb(250, 120, 130), 0.55),
        "wood": rgb(140, 98, 66),
        "ink": ink,
        "white": white,
    }
    return {name: colour * ambient for name, colour in palette.items()}
