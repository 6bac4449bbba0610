"""Decides what the colours of a set of masks mean."""

from collections.abc import Mapping, Sequence, Set

import numpy as np

from pipeline.data.images import IGNORE
from pipeline.data.mask_encoding import Levels
from pipeline.data.mask_levels import SetValues, colour_levels
from pipeline.data.mask_values import colour_of, split_colours
from pipeline.formats.palette import Colour, colour_codes, voc_colours

UNNAMED = 0.002  # share of all pixels: rarer colours without a name count as the nearest named one
NEAR_COLOUR = 24  # levels of a channel: so do colours that are this near to one


def decide_colours(
    found: SetValues, names: Mapping[Colour, int] | None, classes: int, objects: Sequence[int]
) -> Levels | None:
    """The ids of the colours, by their names, else those of VOC, else one object on black; None: unknown.

    Args:
        names: ids of colours that have names.
        classes: ids count up to it.
        objects: ids of names that are neither background nor to be ignored.
    """
    levels = set(colour_levels(found))
    if names:
        return None if unnamed_colours(found, names) else _colour_ids(names)
    tables = (_voc(classes), _one_object(levels, objects))
    return next((_colour_ids(table) for table in tables if table and levels <= set(_codes(table))), None)


def unnamed_colours(found: SetValues, table: Mapping[Colour, int]) -> list[int]:
    """Codes of colours that are not rare and are far from all that have a name."""
    named = split_colours(np.array(list(_codes(table))))
    levels = [code for code in colour_levels(found) if found.share(code) > UNNAMED]
    return [c for c in levels if np.abs(named - np.array(colour_of(c))).max(axis=1).min() > NEAR_COLOUR]


def _codes(table: Mapping[Colour, int]) -> dict[int, int]:
    return {int(colour_codes(np.array(colour))): i for colour, i in table.items()}


def _colour_ids(table: Mapping[Colour, int]) -> Levels:
    codes = sorted(_codes(table).items())
    return Levels(tuple(code for code, _ in codes), tuple(i for _, i in codes))


def _voc(classes: int) -> dict[Colour, int]:
    return {colour: i for i, colour in enumerate(voc_colours()) if i <= classes or i == IGNORE}


def _one_object(levels: Set[int], objects: Sequence[int]) -> dict[Colour, int]:
    """Black, and the one other colour of masks of one class, unless it is white: that is a shade of grey."""
    if len(objects) != 1 or len(levels) != 2 or 0 not in levels or _are_grey(levels):
        return {}
    return {colour_of(code): objects[0] if code else 0 for code in levels}


def _are_grey(levels: Set[int]) -> bool:
    """Whether all of the colours are shades of grey."""
    return all(len(set(colour_of(code))) == 1 for code in levels)
