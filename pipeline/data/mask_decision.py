"""Decides how the masks of a set are read, once all their values are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.data.colour_decision import decide_colours, unnamed_colours
from pipeline.data.images import IGNORE
from pipeline.data.mask_encoding import OWN, Levels, MaskEncoding, MaskKind, ids_encoding
from pipeline.data.mask_levels import (
    FEW,
    SetValues,
    colour_levels,
    grey_levels,
    is_binary,
    shades_of_grey,
    sum_values,
)
from pipeline.data.mask_values import MaskValues, Values, colour_of, sums_by_value
from pipeline.formats.palette import Colour

NONE = Levels((), ())
NAME_THEM = "Name them in colours.txt: `camseg check FOLDER --write-colours` starts it."  # values of masks


@dataclass(frozen=True)
class Undecided:
    """Values that may mean more than one thing: the one thing that a person has to say."""

    levels: tuple[Colour, ...]  # to be named, the most frequent first
    shares: tuple[float, ...]  # of all pixels
    got: str
    grey: bool

    @property
    def unnamed(self) -> tuple[tuple[Colour, float], ...]:
        """The colours that need names, with their shares."""
        return tuple(zip(self.levels, self.shares, strict=True))


@dataclass(frozen=True)
class SetOfMasks:
    """The values of all masks, and what the data set says of them."""

    files: Sequence[MaskValues]
    labels: Sequence[tuple[int, ...]]  # ids of the labels of each file's image
    classes: int  # ids count up to it
    objects: tuple[int, ...]  # ids of names that are neither background nor to be ignored
    table: Mapping[Colour, int] | None  # ids of colours that have names

    @property
    def object_id(self) -> int:
        """The id of the only object; of several, what the only label of an image says."""
        return self.objects[0] if len(self.objects) == 1 else OWN


def decide(masks: SetOfMasks, setting: MaskKind) -> MaskEncoding | Undecided:
    """How all masks are read.

    Args:
        setting: what they hold, where a person says so.
    """
    if _indices_differ(masks.files):
        by_colour = [_as_coloured(f) for f in masks.files]
        decided = decide(replace(masks, files=by_colour), setting)
        if not isinstance(decided, Undecided):
            return replace(decided, by_palette=True)
        if setting != "ids":
            return decided
    coloured = sum_values([f for f in masks.files if f.coloured])
    colours, shades = NONE, False
    files = list(masks.files)
    if len(coloured.values):
        decided_colours = decide_colours(coloured, masks.table, masks.classes, masks.objects)
        shades = decided_colours is None and shades_of_grey(coloured)
        if decided_colours is None and not shades:
            unnamed = unnamed_colours(coloured, masks.table) if masks.table else colour_levels(coloured)
            return _undecided(coloured, unnamed, grey=False)
        files = [as_grey(f) if shades and f.coloured else f for f in files]
        colours = decided_colours or NONE
    encoding = _decide_grey(replace(masks, files=[f for f in files if not f.coloured]), setting)
    if isinstance(encoding, Undecided):
        return encoding
    if len(coloured.values) and not shades:
        kind: MaskKind = "colours" if all(f.coloured for f in files) else encoding.kind
        soft = bool(set(coloured.values.tolist()) - set(colours.values)) or encoding.soft
        return replace(encoding, kind=kind, colours=colours, soft=soft)
    return replace(encoding, shades=shades)


def _indices_differ(files: Sequence[MaskValues]) -> bool:
    """Whether an index has another colour in another file: then only the colours mean something."""
    seen: dict[int, int] = {}
    for file in files:
        if file.palette is not None:
            for index, code in zip(file.values.tolist(), file.palette.tolist(), strict=True):
                if seen.setdefault(index, code) != code:
                    return True
    return False


def _as_coloured(file: MaskValues) -> MaskValues:
    """The colours of indices; several may have one colour."""
    if file.palette is None:
        return file
    return _renumbered(file, file.palette, coloured=True)


def as_grey(file: MaskValues) -> MaskValues:
    """The greens of grey colours."""
    return _renumbered(file, file.values >> 8 & 255, coloured=False)


def _renumbered(file: MaskValues, numbers: Values, coloured: bool) -> MaskValues:
    """Other numbers in the place of the values; several may become one."""
    values, (counts, solid) = sums_by_value(numbers, file.counts, file.solid)
    return MaskValues(values, counts, solid, coloured, complete=file.complete, lossy=file.lossy)


def _decide_grey(masks: SetOfMasks, setting: MaskKind) -> MaskEncoding | Undecided:
    found = sum_values(masks.files)
    ids = ids_encoding(masks.classes, NONE)
    if not len(found.values) or setting == "ids":
        return ids
    values = set(found.values.tolist())
    named = {colour[0]: i for colour, i in (masks.table or {}).items() if len(set(colour)) == 1}
    by_name = any(0 < i < IGNORE for i in named.values()) and not values <= set(ids.grey.values) - {IGNORE}
    if setting == "instances":
        return _objects(masks, "instances", (0, 1))
    if setting == "binary":
        return _binary(masks, found)
    if by_name and set(grey_levels(found)) <= set(named):
        return _levels(found, sorted(named), [named[value] for value in sorted(named)], "colours")
    if setting == "colours":
        return _undecided(found, grey_levels(found), grey=True)
    return _guess(masks, found, values, ids)


def _guess(
    masks: SetOfMasks, found: SetValues, values: set[int], ids: MaskEncoding
) -> MaskEncoding | Undecided:
    known = set(ids.grey.values)
    objects = values - {0, IGNORE}
    if values <= {0, IGNORE} and IGNORE in values:
        return _binary(masks, found)
    if values <= known:
        return _objects(masks, "binary", (0, 1)) if _own_label(masks, objects) else ids
    count = len(masks.objects)
    if 0 not in values and objects == set(range(1, count + 2)):  # as MATLAB counts: from 1
        extra = {IGNORE} & values
        return _levels(found, [*range(1, count + 2), *extra], [0, *masks.objects, *extra], "ids")
    levels = grey_levels(found, count + 2)
    if is_binary(found):
        return _binary(masks, found)
    if _numbered(masks.files, found) and (count == 1 or _one_label_each(masks)):
        return _objects(masks, "instances", (0, 1))
    if _mostly_ids(masks.files, known):
        return ids
    if 0 in levels and len(levels) == count + 1 and count > 1:
        return _levels(found, levels, [0, *masks.objects], "colours")
    return _undecided(found, levels, grey=True)


def _binary(masks: SetOfMasks, found: SetValues) -> MaskEncoding:
    """The highest value is the object, the lowest the background; masks without any object are all lowest."""
    low, high = int(found.values.min()), int(found.values.max())
    encoding = _objects(masks, "binary", (low if low < high else 0, high or 1))
    return replace(encoding, soft=bool(set(found.values.tolist()) - set(encoding.grey.values)))


def _objects(masks: SetOfMasks, kind: MaskKind, values: tuple[int, int]) -> MaskEncoding:
    """All from the second value on is the one class, or what the only label of the image says."""
    return MaskEncoding(kind, Levels(values, (0, masks.object_id)), NONE)


def _levels(found: SetValues, values: Sequence[int], ids: Sequence[int], kind: MaskKind) -> MaskEncoding:
    soft = bool(set(found.values.tolist()) - set(values))
    return MaskEncoding(kind, Levels(tuple(values), tuple(ids)), NONE, soft=soft)


def _own_label(masks: SetOfMasks, objects: set[int]) -> bool:
    """Whether 1 is drawn for several classes, each alone in its image: it means the label of the image."""
    if len(masks.objects) < 2 or objects != {1}:
        return False
    labels = [ids for file, ids in zip(masks.files, masks.labels, strict=True) if 1 in file.values]
    return all(len(ids) == 1 for ids in labels) and len(set(labels)) > 1


def _one_label_each(masks: SetOfMasks) -> bool:
    drawn = [ids for file, ids in zip(masks.files, masks.labels, strict=True) if file.values.max() > 0]
    return bool(drawn) and all(len(ids) == 1 for ids in drawn)


def _mostly_ids(files: Sequence[MaskValues], known: set[int]) -> bool:
    """Whether more masks hold ids alone, and objects among them, than hold other values."""
    sets = [set(f.values.tolist()) for f in files]
    good = sum(values <= known and bool(values - {0, IGNORE}) for values in sets)
    return good > sum(not values <= known for values in sets)


def _numbered(files: Sequence[MaskValues], found: SetValues) -> bool:
    """Whether the values count objects: from 1 without a gap in most masks, or too many for levels.

    JPEG makes such values too.
    """
    if found.values.min() != 0 or any(f.lossy for f in files):
        return False
    drawn = [f.values[f.values > 0] for f in files if f.values.max() > 0]
    counted = [len(values) == values.max() for values in drawn]
    together = found.values[found.values > 0]
    different = len({len(values) for values in drawn}) > 1 or len(together) > 2
    if sum(counted) > 0.8 * len(counted) and different:
        return True
    return len(together) > FEW and len(grey_levels(found)) > FEW


def _undecided(found: SetValues, levels: Sequence[int], grey: bool) -> Undecided:
    order = sorted(levels, key=lambda value: -found.share(value))
    shares = tuple(found.share(value) for value in order)
    colours = [(value, value, value) if grey else colour_of(value) for value in order]
    names = [str(c[0]) if grey else ",".join(map(str, c)) for c in colours]
    shown = [f"{name} ({share:.1%})" for name, share in zip(names, shares, strict=True)]
    what = "values" if grey else "colours"
    more = f" and {len(shown) - 10} more" if len(shown) > 10 else ""
    got = f"the {what} {', '.join(shown[:10])}{more}"
    return Undecided(tuple(colours), shares, got, grey)
