"""Objects of annotation tools, with outlines or boxes, and the records that they make."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipeline.base.problems import Problem
from pipeline.data.images import IGNORE
from pipeline.data.problem_lists import warn_of
from pipeline.data.sources.identifiers import whole_number
from pipeline.data.sources.records import ParsedSource, Shape, SourceRecord, parsed_source

CORNERS = 64  # of a polygon that stands for a circle


@dataclass(frozen=True)
class AnnotatedObject:
    """One object of an image."""

    name: str
    outline: object  # see `rasterise_outline`; None: it has none
    at: str  # e.g. `shapes[3]`
    box: bool = False  # the outline is a box, which may only stand around the object


AnnotatedRecord = tuple[SourceRecord, Sequence[AnnotatedObject]]


def parsed_objects(
    file: Path,
    entries: Sequence[AnnotatedRecord],
    problems: list[Problem],
    names: Sequence[str] | None = None,
) -> ParsedSource:
    """The records with the names of their objects as labels, and the outlines as masks.

    Boxes are outlines where other objects of the data set have outlines: else they only say what is there. An
    image gets a mask if each of its objects has an outline.

    Args:
        names: of the classes in their order; None: sorted.
    """
    used = {thing.name for _, things in entries for thing in things}
    ordered = sorted(used) if names is None else [n for n in dict.fromkeys(names) if n in used]
    ids = {name: i for i, name in enumerate(ordered, 1)}
    drawn = any(thing.outline is not None and not thing.box for _, things in entries for thing in things)
    records = []
    for record, things in entries:
        labels = tuple(dict.fromkeys((*record.labels, *(thing.name for thing in things))))
        mask = _shapes(things, ids) if drawn and len(ids) < IGNORE else None
        records.append(replace(record, labels=labels, mask=mask))
    if drawn and len(ids) < IGNORE:
        problems += without_outline(file, records)
    named = [*ordered, *sorted({label for record in records for label in record.labels} - used)]
    return parsed_source(file, records, problems, named)


def without_outline(file: Path, records: Sequence[SourceRecord]) -> list[Problem]:
    """A warning on images with objects that have no outline, where others have a mask."""
    bare = [record.name for record in records if record.mask is None and record.labels]
    advice = "These images have no mask; their labels count. Draw the outlines to have masks."
    return warn_of(bare, "images without", file, "an outline of each object", advice)


def stated_size(height: object, width: object) -> tuple[int, int] | None:
    """Height and width that outlines are drawn for; None where a file has none: those of the image."""
    size = whole_number(height) or 0, whole_number(width) or 0
    return size if min(size) > 0 else None


def unclear_sizes(file: Path, sizes: Iterable[tuple[str, object, object]]) -> list[Problem]:
    """A warning on sizes (place, height, width) that a file has and that are none."""
    unclear = [
        f"{at} ({height!r:.20} x {width!r:.20})"
        for at, height, width in sizes
        if not (height is None and width is None) and stated_size(height, width) is None
    ]
    expected, advice = "whole numbers for height and width", "The size of the image counts."
    return warn_of(unclear, "others", file, expected, advice)


def _shapes(things: Sequence[AnnotatedObject], ids: dict[str, int]) -> tuple[Shape, ...] | None:
    if any(thing.outline is None for thing in things):
        return None
    return tuple(Shape(ids[thing.name], thing.outline, thing.at) for thing in things)


def polygon_outline(xs: Sequence[float], ys: Sequence[float]) -> list[list[float]]:
    """The outline through points, in pixels."""
    return [[value for point in zip(xs, ys, strict=True) for value in point]]


def rectangle_outline(x0: float, y0: float, x1: float, y1: float) -> list[list[float]]:
    """The outline of a box between two corners, in pixels."""
    return [[x0, y0, x1, y0, x1, y1, x0, y1]]


def ellipse_outline(x: float, y: float, rx: float, ry: float, angle: float = 0.0) -> list[list[float]]:
    """The outline of an ellipse with its centre and radii in pixels, turned by `angle` (radians)."""
    cos, sin, values = math.cos(angle), math.sin(angle), []
    for corner in range(CORNERS):
        turn = 2 * math.pi * corner / CORNERS
        across, down = rx * math.cos(turn), ry * math.sin(turn)
        values += [x + across * cos - down * sin, y + across * sin + down * cos]
    return [values]


def numbers(values: object) -> list[float]:
    """Finite numbers of a JSON list. Raises `ValueError`."""
    if not isinstance(values, list | tuple):
        raise ValueError("expected a list of numbers")
    found = []
    for value in values:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError("expected a list of numbers")
        found.append(float(value))
    if not all(map(math.isfinite, found)):
        raise ValueError("expected finite numbers")
    return found
