"""Outlines, and the parts that objects and clutter are made of.

An outline is float64 `(P, 2)`: points in OpenCV's (x, y) order, y pointing down, without a closing point.
Items are built around the origin in units of their own, and `transform` brings them to pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from numpy.random import Generator

Outline = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Detail:
    """A flat mark on a part, painted only where the part is; `colour` is a name in the object's palette."""

    outline: Outline
    colour: str


@dataclass(frozen=True)
class Part:
    """A shaded solid."""

    outline: Outline
    colour: str
    relief: float = 1.0  # of the shading
    grain: float = 1.0  # of the texture
    details: tuple[Detail, ...] = ()
    key: bool = False  # whether the part tells the class from the others


Parts = tuple[Part, ...]  # back to front


def polygon(*points: tuple[float, float]) -> Outline:
    """The points as an outline."""
    return np.array(points, dtype=np.float64)


def turn(outline: Outline, angle: float) -> Outline:
    """The outline turned around the origin by `angle` radians (clockwise on screen)."""
    c, s = np.cos(angle), np.sin(angle)
    x, y = outline[:, 0], outline[:, 1]
    return np.stack([c * x - s * y, s * x + c * y], axis=1)


def ellipse(x: float, y: float, rx: float, ry: float, angle: float = 0.0, points: int = 32) -> Outline:
    """An ellipse around (x, y) with half-axes `rx`, `ry`, turned by `angle` radians."""
    t = np.linspace(0, 2 * np.pi, points, endpoint=False)
    outline = turn(np.stack([rx * np.cos(t), ry * np.sin(t)], axis=1), angle)
    return np.add(outline, (x, y))


def egg(width: float, taper: float, angle: float | npt.NDArray[np.float64]) -> Outline:
    """Points on an egg of height 1 around the origin; a positive `taper` narrows the top.

    `angle` is in radians from the top, clockwise.
    """
    x = width / 2 * np.sin(angle) * (1 - taper * np.cos(angle))
    return np.stack([x, -0.5 * np.cos(angle)], axis=-1)


def curve(start: Outline, bend: Outline, end: Outline, points: int = 20) -> tuple[Outline, Outline]:
    """Points on the quadratic curve from `start` to `end` by way of `bend` (`(2,)` each); unit tangents."""
    t = np.linspace(0, 1, points)[:, None]
    line = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
    along = (1 - t) * (bend - start) + t * (end - bend)
    return line, along / np.linalg.norm(along, axis=1, keepdims=True)


def tube(line: Outline, along: Outline, radius: float, end_radius: float) -> Outline:
    """A tapering tube with a round end around a `curve` and its tangents."""
    width = np.linspace(radius, end_radius, len(line))[:, None]
    side = np.stack([-along[:, 1], along[:, 0]], axis=1) * width
    a = np.linspace(0, np.pi, 10)[1:-1, None]
    cap = line[-1] + np.cos(a) * side[-1] + np.sin(a) * end_radius * along[-1]
    return np.concatenate([line + side, cap, (line - side)[::-1]])


def rounded(outline: Outline, passes: int = 3, cut: float = 0.2) -> Outline:
    """The outline with rounded corners: each pass cuts the share `cut` off both ends of every side."""
    for _ in range(passes):
        after = np.roll(outline, -1, axis=0)
        ends = [(1 - cut) * outline + cut * after, cut * outline + (1 - cut) * after]
        outline = np.stack(ends, axis=1).reshape(-1, 2)
    return outline


def blob(rng: Generator, rx: float, ry: float, wobble: float) -> Outline:
    """An irregular round outline around the origin; `wobble` is the share of the radius that varies."""
    t = np.linspace(0, 2 * np.pi, 36, endpoint=False)
    radius = np.ones_like(t)
    for k in (2, 3, 4, 5):
        radius += rng.uniform(-wobble, wobble) / k * np.cos(k * t + rng.uniform(0, 2 * np.pi))
    return np.stack([rx * radius * np.cos(t), ry * radius * np.sin(t)], axis=1)


def transform(parts: Parts, move: Callable[[Outline], Outline]) -> Parts:
    """The parts with `move` applied to every outline, those of the details included."""
    return tuple(
        replace(
            part,
            outline=move(part.outline),
            details=tuple(replace(detail, outline=move(detail.outline)) for detail in part.details),
        )
        for part in parts
    )


def bounds(parts: Parts) -> tuple[float, float, float, float]:
    """The box around all parts: left, top, right, bottom."""
    points = np.concatenate([part.outline for part in parts])
    left, top = points.min(axis=0)
    right, bottom = points.max(axis=0)
    return float(left), float(top), float(right), float(bottom)
