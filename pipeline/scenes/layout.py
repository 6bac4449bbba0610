"""The layout of a scene: the image's size, its classes, and the poses and positions of all items."""

import numpy as np
from numpy.random import Generator

from pipeline.params import ScenesParams
from pipeline.scenes.backgrounds import LAND, Background
from pipeline.scenes.clutter import THINGS, build_clutter
from pipeline.scenes.objects import CLASSES, build_object
from pipeline.scenes.shapes import Outline, Parts, bounds, transform, turn
from pipeline.scenes.visibility import Instance, all_recognisable

_BOAT = CLASSES.index("boat")
_BOAT_SHARE = 0.26  # of the images with an object
# Share of the boatless images with water: with the default bias, 6 of 10 images with water have a boat.
_WATER_SHARE = 0.2
_CLUTTER_SIZES = (0.1, 0.32)  # shares of the short side
_TRIES = 14


def draw_size(rng: Generator, long_side: int) -> tuple[int, int]:
    """Rows and columns of an image: one of eight shapes, not square, multiples of 8 pixels."""
    ratio = float(rng.choice([4 / 3, 3 / 2, 5 / 4, 1.2]))
    long, short = (8 * round(side / 8) for side in (long_side, long_side / ratio))
    return (short, long) if rng.random() < 0.6 else (long, short)


def pick_classes(rng: Generator, params: ScenesParams) -> list[int]:
    """The class index of every object in the image; empty for an image without objects."""
    if rng.random() < params.empty_share:
        return []
    counts = np.arange(1, params.max_instances + 1)
    weights = 0.6**counts
    count = int(rng.choice(counts, p=weights / weights.sum()))
    class_count = int(rng.integers(1, min(count, params.max_classes) + 1))
    animals = [int(c) for c in rng.permutation([c for c in range(len(CLASSES)) if c != _BOAT])]
    chosen = ([_BOAT, *animals] if rng.random() < _BOAT_SHARE else animals)[:class_count]
    return chosen + [int(c) for c in rng.choice(chosen, count - len(chosen))]


def draw_background_kind(rng: Generator, classes: list[int], context_bias: float) -> str:
    """The kind of background; with a boat it is water with probability `context_bias`."""
    water_share = context_bias if _BOAT in classes else _WATER_SHARE
    return "water" if rng.random() < water_share else str(rng.choice(LAND))


def arrange(
    rng: Generator, classes: list[int], background: Background, params: ScenesParams
) -> list[Instance]:
    """The objects and the clutter of an image, back to front."""
    items: list[Instance] = []
    for index in classes:
        items = _add(rng, items, CLASSES[index], background, params)
    if params.clutter:
        for name in rng.choice(THINGS[background.kind], int(rng.integers(1, 6))):
            items = _add(rng, items, str(name), background, params)
    return items


def _add(
    rng: Generator, items: list[Instance], name: str, background: Background, params: ScenesParams
) -> list[Instance]:
    """`items` with one more if one of the tries finds a good position; unchanged otherwise."""
    for _ in range(_TRIES):
        item = _draw_item(rng, name, background, params)
        order = sorted([*items, item], key=lambda i: i.base)
        if all_recognisable(order, background.size, params.occlusion):
            return order
    return items


def _draw_item(rng: Generator, name: str, background: Background, params: ScenesParams) -> Instance:
    label = CLASSES.index(name) + 1 if name in CLASSES else 0
    parts, tint = build_object(rng, name, params.shared_bodies) if label else build_clutter(rng, name)
    parts = _pose(rng, parts, lean=0.16 if label else 0.0, in_water=background.kind == "water")
    sizes = params.size_range if label else _CLUTTER_SIZES
    extent = float(np.exp(rng.uniform(*np.log(sizes)))) * min(background.size)
    parts, base = _stand(rng, parts, extent, background)
    return Instance(label, parts, tint, base)


def _pose(rng: Generator, parts: Parts, lean: float, in_water: bool) -> Parts:
    """The parts looking left or right, turned by up to `lean` radians, cut at the water line `in_water`."""
    angle = rng.uniform(-lean, lean)
    mirror = np.array([rng.choice([-1.0, 1.0]), 1.0])
    parts = transform(parts, lambda outline: turn(outline * mirror, angle))
    return _sink(parts, rng.uniform(0.06, 0.14)) if in_water else parts


def _sink(parts: Parts, depth: float) -> Parts:
    """The parts without their lowest share `depth`, which is under water; the water line bends round them."""
    left, top, right, bottom = bounds(parts)
    line = bottom - depth * (bottom - top)

    def cut(outline: Outline) -> Outline:
        x, y = outline[:, 0], outline[:, 1]
        bent = line - 0.08 * ((2 * x - left - right) / (right - left)) ** 2
        return np.stack([x, np.minimum(y, bent)], axis=1)

    return transform(tuple(part for part in parts if part.outline[:, 1].min() < line - 0.1), cut)


def _stand(rng: Generator, parts: Parts, extent: float, background: Background) -> tuple[Parts, float]:
    """The parts, `extent` pixels long, at a random position, and the row on which they stand."""
    left, top, right, bottom = bounds(parts)
    scale = extent / max(right - left, bottom - top)
    height, width = (bottom - top) * scale, (right - left) * scale
    rows, columns = background.size
    highest = max(background.horizon + 0.06 * rows, height - 0.02 * rows)
    base = rng.uniform(min(highest, rows), 1.02 * rows)
    x = rng.uniform(0.42 * width, columns - 0.42 * width)

    def move(outline: Outline) -> Outline:
        return (outline - ((left + right) / 2, bottom)) * scale + (x, base)

    return transform(parts, move), base
