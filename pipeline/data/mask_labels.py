"""The classes that masks show, for folders in which nothing else gives the images their labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.base.files import safe_join
from pipeline.base.parallel import parallel_map
from pipeline.base.problems import Problem
from pipeline.data.images import IGNORE
from pipeline.data.mask_decision import NAME_THEM, SetOfMasks, Undecided, as_grey, decide
from pipeline.data.mask_encoding import MaskEncoding, ids_of_values
from pipeline.data.mask_levels import SetValues, grey_levels, is_binary, shades_of_grey, sum_values
from pipeline.data.mask_values import MaskValues, colour_of, count_values, read_raw_mask
from pipeline.data.problem_lists import BadEntry
from pipeline.formats.palette import Colour
from pipeline.params import DataParams

HALF = 0.5  # share of the pixels: the value 1 of masks of 1 and 2 is the background
NUMBERS = 4  # objects in a mask, at least once, where values count them


class UnnamedColours(BadEntry):
    """Masks whose colours, or values, need names."""

    def __init__(self, problem: Problem, encoding: MaskEncoding | Undecided) -> None:
        super().__init__(problem)
        self.unnamed = encoding.unnamed if isinstance(encoding, Undecided) else ()


@dataclass(frozen=True)
class MaskLabels:
    """The classes that masks show."""

    values: tuple[str, ...]  # what stands for each class in the masks, in the order of the ids from 1
    ids: tuple[tuple[int, ...] | str, ...]  # of the classes in each mask, rising; or why it cannot be read


def labels_in_masks(
    folder: Path,
    files: Sequence[str],
    names: Sequence[str],
    table: Mapping[Colour, int] | None,
    data: DataParams,
) -> MaskLabels:
    """The classes in the masks `files`, paths relative to `folder`.

    Args:
        names: of the classes, in the order of their ids; empty: as many as the masks hold.
        table: ids of colours that have names.

    Raises:
        BadEntry: the values may mean more than one thing.
    """
    function = partial(_values, folder, data.max_megapixels, data.mask_key)
    found = parallel_map(function, files, description="reading masks")
    readable = [values for values in found if isinstance(values, MaskValues)]
    classes = len(names) or _count(readable, table)
    objects = tuple(range(1, classes + 1))
    encoding = decide(SetOfMasks(readable, [()] * len(readable), classes, objects, table), data.masks)
    if isinstance(encoding, Undecided) or encoding.own:
        got = encoding.got if isinstance(encoding, Undecided) else f"one value for {classes} classes"
        advice = f"{NAME_THEM} Or write labels.csv."
        raise UnnamedColours(Problem(folder, "masks whose values have names", got, advice), encoding)
    ids = [_objects(encoding, values) if isinstance(values, MaskValues) else values for values in found]
    return MaskLabels(tuple(_text(encoding, i) for i in objects), tuple(ids))


def _values(folder: Path, max_megapixels: float, key: str | None, file: str) -> MaskValues | str:
    """The values of a mask, or why it cannot be read."""
    try:
        return count_values(read_raw_mask(safe_join(folder, file), max_megapixels, key))
    except (ValueError, OSError, MemoryError) as error:
        return str(error).removeprefix(f"{folder / file}: ").rstrip(".")


def _count(files: Sequence[MaskValues], table: Mapping[Colour, int] | None) -> int:
    """How many classes masks hold; 1 where their values count objects or are colours without a name."""
    if table:
        return max((i for i in table.values() if i != IGNORE), default=1)
    coloured = [f for f in files if f.coloured]
    if coloured and not shades_of_grey(sum_values(coloured)):
        return 1  # black and a colour; others are asked for
    files = [as_grey(f) if f.coloured else f for f in files]
    found = sum_values(files)
    values = set(found.values.tolist()) - {0}
    if len(values) < 2 or is_binary(found) or _count_objects(files, found):
        return 1
    values -= {IGNORE} if max(values - {IGNORE}) <= len(values) else set()
    if values == {1, 2} and found.share(0) == 0 and found.share(1) >= HALF:
        return 1
    return max(values) if max(values) <= len(values) else len(set(grey_levels(found, len(values))) - {0})


def _count_objects(files: Sequence[MaskValues], found: SetValues) -> bool:
    """Whether most masks hold 0, 1, 2, ... without a gap, of many and of different lengths."""
    drawn = [f.values[f.values > 0] for f in files if f.values.max() > 0]
    counted = sum(len(values) == values.max() for values in drawn)
    lengths = {len(values) for values in drawn}
    together = found.share(0) > 0 and counted > 0.8 * len(drawn)
    return bool(together and len(lengths) > 1 and max(lengths) >= NUMBERS)


def _objects(encoding: MaskEncoding, values: MaskValues) -> tuple[int, ...]:
    ids = np.unique(ids_of_values(encoding, values, IGNORE))
    return tuple(int(i) for i in ids if 0 < i < IGNORE)


def _text(encoding: MaskEncoding, i: int) -> str:
    """The value that stands for an id: `255`, or `200,40,40`."""
    for value, other in zip(encoding.colours.values, encoding.colours.ids, strict=True):
        if other == i:
            return ",".join(map(str, colour_of(value)))
    levels = zip(encoding.grey.values, encoding.grey.ids, strict=True)
    return next((str(value) for value, other in levels if other == i), "")
