"""The objects of the five classes: toy animals with one shared kind of body, and a boat.

The animals differ by one small part (ears, beak, trunk): nothing else always tells the class. Bodies have
one shape. Each class has a favourite coat and favourite colours, but wears the others too.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from pipeline.scenes.colours import ANY, Tint
from pipeline.scenes.shapes import Detail, Part, Parts, curve, egg, ellipse, polygon, rounded, tube, turn

CLASSES: tuple[str, ...] = ("cat", "rabbit", "duck", "elephant", "boat")

_COATS = ("plain", "belly", "spots", "stripes")
_FAVOURITE_COATS = {"cat": "stripes", "rabbit": "belly", "duck": "spots", "elephant": "plain"}
_FAVOURITE_HUES = {"cat": (0.02, 0.14), "rabbit": (0.8, 0.98), "duck": (0.24, 0.44), "elephant": (0.52, 0.7)}
_FAVOURITE_SHARE = 0.85  # of the animals wear a favourite; the rest draw from all coats, or from all colours

# Used when `shared_bodies` is off: width and taper of the body, coat and colours of the class.
_CLASS_BODIES = {
    "cat": (0.82, 0.10, "stripes", Tint((0.04, 0.09), (0.6, 0.8), (0.8, 0.95))),
    "rabbit": (0.70, 0.22, "belly", Tint((0.9, 0.97), (0.1, 0.25), (0.85, 0.97))),
    "duck": (1.02, 0.16, "plain", Tint((0.13, 0.16), (0.65, 0.85), (0.9, 0.98))),
    "elephant": (1.10, -0.02, "plain", Tint((0.56, 0.64), (0.15, 0.3), (0.55, 0.7))),
}


@dataclass(frozen=True)
class Body:
    """An animal's body in units of its height: an egg around the origin, with its coat."""

    width: float
    taper: float
    coat: str
    tint: Tint


def build_object(rng: Generator, name: str, shared_bodies: bool) -> tuple[Parts, Tint]:
    """The parts of an object of class `name`, back to front, facing right, and the range of its colours."""
    if name == "boat":
        return _boat(rng), ANY
    body = _body(rng, name, shared_bodies)
    turned = rng.uniform(0.02, 0.14)  # how far the face is turned to the side
    outline = egg(body.width, body.taper, np.linspace(0, 2 * np.pi, 56, endpoint=False))
    torso = Part(outline, "body", details=_coat(rng, body) + _face(turned))
    behind, front = _key_parts(rng, name, body, turned)
    return (*behind, *_feet(body), torso, *front), body.tint


def _body(rng: Generator, name: str, shared_bodies: bool) -> Body:
    width, taper = rng.uniform(0.74, 1.0), rng.uniform(0.02, 0.2)
    usual_coat, usual_hue = rng.random(2) < _FAVOURITE_SHARE
    coat = _FAVOURITE_COATS[name] if usual_coat else str(rng.choice(_COATS))
    tint = Tint(_FAVOURITE_HUES[name], ANY.saturation, ANY.value) if usual_hue else ANY
    return Body(width, taper, coat, tint) if shared_bodies else Body(*_CLASS_BODIES[name])


def _coat(rng: Generator, body: Body) -> tuple[Detail, ...]:
    match body.coat:
        case "belly":
            return (Detail(ellipse(0.04, 0.27, 0.3 * body.width, 0.26), "light"),)
        case "spots":
            spots = rng.uniform((-0.45, -0.1, 0.05), (0.45, 0.5, 0.1), (7, 3))
            return tuple(Detail(ellipse(x, y, r, 0.9 * r), "dark") for x, y, r in spots)
        case "stripes":
            rows = np.arange(0.1, 0.5, 0.13) + rng.uniform(-0.03, 0.03)
            return tuple(Detail(ellipse(0, y, 0.7, 0.028), "dark") for y in rows)
        case _:
            return ()


def _face(turned: float) -> tuple[Detail, ...]:
    eyes = [Detail(ellipse(turned + dx, -0.2, 0.05, 0.062), "ink") for dx in (-0.15, 0.15)]
    glints = [Detail(ellipse(turned + dx + 0.015, -0.222, 0.018, 0.02), "white") for dx in (-0.15, 0.15)]
    cheeks = [Detail(ellipse(turned + dx, -0.08, 0.055, 0.04), "pink") for dx in (-0.23, 0.23)]
    mouth = Detail(ellipse(turned, -0.09, 0.035, 0.02), "ink")
    return (*cheeks, mouth, *eyes, *glints)


def _feet(body: Body) -> Parts:
    return tuple(Part(ellipse(side * 0.22 * body.width, 0.47, 0.13, 0.075), "dark") for side in (-1, 1))


def _key_parts(rng: Generator, name: str, body: Body, turned: float) -> tuple[Parts, Parts]:
    """The class-specific parts behind and in front of the torso."""
    match name:
        case "cat":
            return tuple(_cat_ear(rng, body, side) for side in (-1, 1)), ()
        case "rabbit":
            return tuple(_rabbit_ear(rng, body, side) for side in (-1, 1)), ()
        case "duck":
            return (), _beak(rng, turned)
        case _:
            return (), _trunk(rng, body, turned)


def _cat_ear(rng: Generator, body: Body, side: int) -> Part:
    angle = side * rng.uniform(0.5, 0.68)
    size = rng.uniform(0.92, 1.1)
    ear = rounded(polygon((-0.19, 0.14), (0.02 * side, -0.25), (0.19, 0.14)), passes=2) * size
    position = egg(body.width, body.taper, angle)
    inner = Detail(turn(0.58 * ear + (0, 0.015), 0.6 * angle) + position, "pink")
    return Part(turn(ear, 0.6 * angle) + position, "body", relief=0.7, details=(inner,), key=True)


def _rabbit_ear(rng: Generator, body: Body, side: int) -> Part:
    length, lean = rng.uniform(0.24, 0.31), side * rng.uniform(0.1, 0.45)
    position = egg(body.width, body.taper, side * rng.uniform(0.3, 0.42))
    ear = ellipse(0, -0.7 * length, 0.095, length)
    inner = Detail(turn(ellipse(0, -0.75 * length, 0.048, 0.72 * length), lean) + position, "pink")
    return Part(turn(ear, lean) + position, "body", relief=0.7, details=(inner,), key=True)


def _beak(rng: Generator, turned: float) -> Parts:
    long, x = rng.uniform(0.42, 0.52), turned + 0.02
    lower = rounded(polygon((x, -0.09), (x + 0.75 * long, -0.05), (x + 0.6 * long, 0.06), (x, 0.05)))
    upper = rounded(
        polygon((x - 0.04, -0.14), (x + 0.45 * long, -0.12), (x + long, -0.15), (x + long, -0.05), (x, 0.0))
    )
    nostril = Detail(ellipse(x + 0.3 * long, -0.1, 0.022, 0.012), "ink")
    return (
        Part(lower, "beak_dark", grain=0.2, key=True),
        Part(upper, "beak", grain=0.2, details=(nostril,), key=True),
    )


def _trunk(rng: Generator, body: Body, turned: float) -> Parts:
    """A trunk from the middle of the face to beyond the body's edge, its tip up or down."""
    reach = body.width / 2 + rng.uniform(0.1, 0.18)
    raised = rng.random() < 0.5
    tip = np.array([reach + 0.06, rng.uniform(-0.4, -0.3) if raised else rng.uniform(0.22, 0.32)])
    bend = np.array([reach + 0.02, 0.24 if raised else -0.24])
    line, along = curve(np.array([turned + 0.03, -0.03]), bend, tip)
    angles = np.arctan2(along[:, 1], along[:, 0])
    rings = [
        Detail(ellipse(line[i, 0], line[i, 1], 0.012, 0.13, angles[i], 12), "dark") for i in (6, 9, 12, 15)
    ]
    return (Part(tube(line, along, 0.115, 0.075), "body", relief=1.3, details=tuple(rings), key=True),)


def _boat(rng: Generator) -> Parts:
    deck, tall = rng.uniform(0.2, 0.26), rng.uniform(0.78, 1.0)
    hull = rounded(polygon((-0.52, 0), (0.6, -0.04), (0.38, deck), (-0.38, deck)), passes=2)
    stripe = Detail(polygon((-0.7, 0.04), (0.7, 0.0), (0.7, 0.05), (-0.7, 0.09)), "light")
    mast = Part(polygon((-0.025, -tall), (0.025, -tall), (0.025, 0.05), (-0.025, 0.05)), "wood")
    heights = (-0.5, -0.28) if rng.random() < 0.4 else ()
    bands = tuple(Detail(ellipse(0, y * tall, 0.8, 0.035), "body") for y in heights)
    sails = (_sail(tall, 0.52, bands), _sail(0.9 * tall, -0.4, bands))
    return (mast, *sails, Part(hull, "body", details=(stripe,)))


def _sail(tall: float, reach: float, bands: tuple[Detail, ...]) -> Part:
    """A triangle from the mast to `reach` (negative: to the left), its long side filled by the wind."""
    side = np.sign(reach) * 0.015
    top, foot, corner = np.array([side, -0.96 * tall]), np.array([side, -0.07]), np.array([reach, -0.1])
    leech, _ = curve(top, np.array([0.8 * reach, -0.5 * tall]), corner)
    return Part(np.vstack([foot, leech]), "accent", relief=0.6, grain=0.5, details=bands, key=True)
