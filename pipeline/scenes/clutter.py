"""Clutter that belongs to no class: stones, bushes, pines, balls, crates, tufts of grass."""

import numpy as np
from numpy.random import Generator

from pipeline.scenes.colours import ANY, Tint
from pipeline.scenes.shapes import Detail, Part, Parts, blob, ellipse, polygon, rounded

_STONE = Tint((0.0, 0.7), (0.03, 0.2), (0.4, 0.75))
_LEAVES = Tint((0.2, 0.42), (0.3, 0.65), (0.35, 0.7))

# What may lie on each kind of background.
THINGS: dict[str, tuple[str, ...]] = {
    "meadow": ("stone", "bush", "pine", "ball", "crate", "tuft"),
    "sand": ("stone", "stone", "ball", "crate", "tuft"),
    "night": ("stone", "bush", "pine", "crate", "ball"),
    "room": ("ball", "ball", "crate", "crate"),
    "water": ("ball", "crate", "stone", "stone"),
    "snow": ("stone", "pine", "pine", "ball", "crate"),
}


def build_clutter(rng: Generator, name: str) -> tuple[Parts, Tint]:
    """The parts of a thing, back to front, about one unit large, and the range of its colours."""
    match name:
        case "stone":
            return _stone(rng), _STONE if rng.random() < 0.6 else ANY
        case "bush":
            return _bush(rng), _LEAVES
        case "pine":
            return _pine(rng), _LEAVES
        case "ball":
            return _ball(rng), ANY
        case "crate":
            return _crate(rng), ANY
        case _:
            return _tuft(rng), _LEAVES


def _stone(rng: Generator) -> Parts:
    outline = blob(rng, 0.5, rng.uniform(0.28, 0.42), 0.14)
    outline[:, 1] = np.minimum(outline[:, 1], 0.22)  # it lies flat
    return (Part(outline, "body", relief=1.1, grain=1.6),)


def _bush(rng: Generator) -> Parts:
    spots = [(-0.28, 0.08, 0.24), (0.28, 0.1, 0.22), (0.0, -0.1, 0.3), (-0.1, 0.14, 0.2), (0.14, 0.13, 0.2)]
    return tuple(
        Part(ellipse(x, y, r * rng.uniform(0.9, 1.15), r), "body", relief=1.2, grain=2.5) for x, y, r in spots
    )


def _pine(rng: Generator) -> Parts:
    stem = Part(polygon((-0.05, 0.3), (0.05, 0.3), (0.05, 0.55), (-0.05, 0.55)), "wood")
    wide = rng.uniform(0.3, 0.4)
    tiers = [
        Part(rounded(polygon((-w, y), (0, y - 0.48), (w, y)), 2, 0.1), "body", relief=0.9, grain=1.8)
        for w, y in ((wide, 0.42), (0.82 * wide, 0.16), (0.62 * wide, -0.08))
    ]
    return (stem, *tiers)


def _ball(rng: Generator) -> Parts:
    angle = rng.uniform(0, np.pi)
    bands = tuple(Detail(ellipse(0, 0, 0.14, 0.52, angle + turn), "accent") for turn in (0.0, np.pi / 2))
    count = int(rng.integers(0, 3))
    return (Part(ellipse(0, 0, 0.5, 0.5), "body", relief=1.1, grain=0.4, details=bands[:count]),)


def _crate(rng: Generator) -> Parts:
    high = rng.uniform(0.6, 1.0) / 2
    gaps = tuple(Detail(ellipse(0, y * high, 0.8, 0.016), "dark") for y in (-0.33, 0.33))
    frame = tuple(Detail(polygon((x, -1), (x + 0.1, -1), (x + 0.1, 1), (x, 1)), "dark") for x in (-0.5, 0.4))
    face = rounded(polygon((-0.5, -high), (0.5, -high), (0.5, high), (-0.5, high)), 2, 0.03)
    lid = polygon((-0.5, -high + 0.02), (-0.4, -high - 0.16), (0.4, -high - 0.16), (0.5, -high + 0.02))
    return (
        Part(lid, "light", relief=0.2, grain=0.4),
        Part(face, "body", relief=0.4, grain=1.4, details=gaps + frame),
    )


def _tuft(rng: Generator) -> Parts:
    blades = []
    for x in np.linspace(-0.22, 0.22, 6):
        lean, tall = 1.6 * x + rng.uniform(-0.12, 0.12), rng.uniform(0.5, 0.8)
        blade = polygon((x - 0.06, 0), (x + 0.4 * lean - 0.02, -0.6 * tall), (x + lean, -tall), (x + 0.06, 0))
        blades.append(Part(rounded(blade, passes=1), "body", relief=0.8))
    return tuple(blades)
