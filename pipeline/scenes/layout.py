"""What stands where: the image's size, its classes, and the poses and positions of all items."""

from dataclasses import dataclass

import numpy as np

from pipeline.params import ScenesParams
from pipeline.scenes.backgrounds import LAND
from pipeline.scenes.clutter import THINGS, build_clutter
from pipeline.scenes.objects import CLASSES, build_object
from pipeline.scenes.shapes import Outline, Part, bounds, transform, turn
from pipeline.scenes.visibility import Instance, all_recognisable

_BOAT = CLASSES.index("boat")
_BOAT_SHARE = 0.26  # of the images with an object
# Share of the boatless images with water: with the default bias, 6 of 10 images with water have a boat.
_WATER_SHARE = 0.2
_CLUTTER_SIZES = (0.1, 0.32)  # shares of the short side
_TRIES = 14


@dataclass(frozen=True)
class Ground:
    """Where things can stand: kind of place, image size (rows, columns), row of the horizon."""

    place: str
    size: tuple[int, int]
    horizon: int


def draw_size(rng: np.random.Generator, long_side: int) -> tuple[int, int]:
    """Rows and columns of an image: one of eight shapes, not square, multiples of 8 pixels."""
    long = _multiple_of_8(long_side)
    short = _multiple_of_8(long_side / float(rng.choice([4 / 3, 3 / 2, 5 / 4, 1.2])))
    return (short, long) if rng.random() < 0.6 else (long, short)


def _multiple_of_8(pixels: float) -> int:
    return 8 * round(pixels / 8)


def pick_classes(rng: np.random.Generator, params: ScenesParams) -> list[int]:
    """Class index of every instance that the image should hold; empty for an image without objects."""
    if rng.random() < params.empty_share:
        return []
    counts = np.arange(1, params.max_instances + 1)
    weights = 0.6**counts
    count = int(rng.choice(counts, p=weights / weights.sum()))
    kinds = int(rng.integers(1, min(count, params.max_classes) + 1))
    animals = [int(c) for c in rng.permutation([c for c in range(len(CLASSES)) if c != _BOAT])]
    chosen = ([_BOAT, *animals] if rng.random() < _BOAT_SHARE else animals)[:kinds]
    return chosen + [int(c) for c in rng.choice(chosen, count - len(chosen))]


def draw_place(rng: np.random.Generator, classes: list[int], context_bias: float) -> str:
    """The kind of background; with a boat it is water with probability `context_bias`."""
    wet = context_bias if _BOAT in classes else _WATER_SHARE
    return "water" if rng.random() < wet else str(rng.choice(LAND))


def arrange(
    rng: np.random.Generator, classes: list[int], ground: Ground, params: ScenesParams
) -> list[Instance]:
    """The objects and the clutter of an image, back to front."""
    items: list[Instance] = []
    for index in classes:
        items = _add(rng, items, index + 1, CLASSES[index], ground, params)
    if params.clutter:
        for name in rng.choice(THINGS[ground.place], int(rng.integers(1, 6))):
            items = _add(rng, items, 0, str(name), ground, params)
    return items


def _add(
    rng: np.random.Generator,
    items: list[Instance],
    label: int,
    name: str,
    ground: Ground,
    params: ScenesParams,
) -> list[Instance]:
    """`items` with one more where a good position is found; unchanged otherwise."""
    for _ in range(_TRIES):
        item = _draw_item(rng, label, name, ground, params)
        order = sorted([*items, item], key=lambda i: i.base)
        if all_recognisable(order, ground.size, params.occlusion):
            return order
    return items


def _draw_item(
    rng: np.random.Generator, label: int, name: str, ground: Ground, params: ScenesParams
) -> Instance:
    parts, tint = build_object(rng, name, params.shared_bodies) if label else build_clutter(rng, name)
    parts = _posed(rng, parts, lean=0.16 if label else 0.0, sunk=ground.place == "water")
    sizes = params.size_range if label else _CLUTTER_SIZES
    extent = float(np.exp(rng.uniform(*np.log(sizes)))) * min(ground.size)
    parts, base = _stood(rng, parts, extent, ground)
    return Instance(label, parts, tint, base)


def _posed(rng: np.random.Generator, parts: tuple[Part, ...], lean: float, sunk: bool) -> tuple[Part, ...]:
    """The parts looking left or right, turned by up to `lean` radians, cut at the water line if `sunk`."""
    angle = rng.uniform(-lean, lean)
    mirror = np.array([rng.choice([-1.0, 1.0]), 1.0])
    parts = transform(parts, lambda outline: turn(outline * mirror, angle))
    return _sunk(parts, rng.uniform(0.06, 0.14)) if sunk else parts


def _sunk(parts: tuple[Part, ...], depth: float) -> tuple[Part, ...]:
    """What is seen of parts whose lowest share `depth` is under water; the water line bends round them."""
    left, top, right, bottom = bounds(parts)
    line = bottom - depth * (bottom - top)

    def cut(outline: Outline) -> Outline:
        x, y = outline[:, 0], outline[:, 1]
        bent = line - 0.08 * ((2 * x - left - right) / (right - left)) ** 2
        return np.stack([x, np.minimum(y, bent)], axis=1)

    return transform(tuple(part for part in parts if part.outline[:, 1].min() < line - 0.1), cut)


def _stood(
    rng: np.random.Generator, parts: tuple[Part, ...], extent: float, ground: Ground
) -> tuple[tuple[Part, ...], float]:
    """The parts, `extent` pixels long, at a random position, and the row on which they stand."""
    left, top, right, bottom = bounds(parts)
    scale = extent / max(right - left, bottom - top)
    height, width = (bottom - top) * scale, (right - left) * scale
    rows, columns = ground.size
    highest = max(ground.horizon + 0.06 * rows, height - 0.02 * rows)
    base = rng.uniform(min(highest, rows), 1.02 * rows)
    x = rng.uniform(0.42 * width, columns - 0.42 * width)

    def move(outline: Outline) -> Outline:
        return (outline - ((left + right) / 2, bottom)) * scale + (x, base)

    return transform(parts, move), base
