"""What the values of a set of masks mean: the id of each value, decided once for all masks of the set."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.data.images import IGNORE, ImageError, Mask
from pipeline.data.mask_values import MaskValues, RawMask, Values, colour_of, split_colours
from pipeline.formats.palette import UNKNOWN, look_up

OWN = 256  # stands for the id of the image's only label

SourceIds = NDArray[np.int16]  # 0..255, or UNKNOWN
MaskKind = Literal["auto", "ids", "binary", "instances", "colours"]


@dataclass(frozen=True)
class Levels:
    """The values that mean something, and their ids."""

    values: tuple[int, ...]  # rising: grey levels, or codes of colours
    ids: tuple[int, ...]  # 0..255, or OWN
    exact: bool = False  # no other values are allowed; else each value counts as the nearest level


@dataclass(frozen=True)
class MaskEncoding:
    """How masks are read: grey levels and indices by `grey`, colours by `colours`."""

    kind: MaskKind
    grey: Levels
    colours: Levels
    shades: bool = False  # colours are shades of grey
    by_palette: bool = False  # indices mean their colours
    soft: bool = False  # there are values between the levels

    @property
    def own(self) -> bool:
        """Whether an object is what the only label of its image says."""
        return OWN in self.grey.ids or OWN in self.colours.ids


def decode_mask(encoding: MaskEncoding, raw: RawMask, own: int) -> Mask:
    """The ids of a mask, uint8 (H, W).

    Args:
        own: id of the image's only label; 255 where it has none or several.
    """
    if encoding.by_palette and raw.palette is not None:
        ids = _ids(encoding, raw.palette[raw.values], True, own)
    else:
        ids = _ids(encoding, raw.values, raw.coloured, own)
    if (ids < 0).any():
        value = int(raw.values[ids < 0][0])
        got = f"the colour {colour_of(value)}" if raw.coloured else str(value)
        raise ImageError(f"expected values that mean a class, got {got}")
    return ids.astype(np.uint8)


def ids_of_values(encoding: MaskEncoding, found: MaskValues, own: int) -> SourceIds:
    """The id of each value of a mask, int16 (n,); UNKNOWN for values without a meaning."""
    if encoding.by_palette and found.palette is not None:
        return _ids(encoding, found.palette, True, own)
    return _ids(encoding, found.values, found.coloured, own)


def _ids(encoding: MaskEncoding, values: Values, coloured: bool, own: int) -> SourceIds:
    if coloured and encoding.shades:
        values, coloured = values >> 8 & 255, False  # green stands for all three
    ids = _of_colours(encoding.colours, values) if coloured else _of_grey(encoding.grey, values)
    return np.where(ids == OWN, np.int16(own), ids) if encoding.own else ids


def _of_grey(levels: Levels, values: Values) -> SourceIds:
    if values.dtype == np.uint8:  # looked up: most masks are 8 bits
        return _of_grey(levels, np.arange(256))[values]
    known, ids = np.array(levels.values), np.array(levels.ids, np.int16)
    if not levels.exact:
        return ids[np.searchsorted((known[1:] + known[:-1]) / 2, values)]
    return look_up(values, known, ids)


def _of_colours(levels: Levels, values: Values) -> SourceIds:
    if not levels.values:
        return np.full(values.shape, UNKNOWN, np.int16)
    known, ids = np.array(levels.values), np.array(levels.ids, np.int16)
    found = look_up(values, known, ids)
    other = found == UNKNOWN
    if other.any():
        codes, kinds = np.unique(values[other], return_inverse=True)
        found[other] = ids[_nearest_colours(known, codes)][kinds]
    return found


def _nearest_colours(known: Values, codes: Values) -> NDArray[np.int64]:
    """The place of the known colour that is nearest to each code; of equals, the first."""
    points, colours = split_colours(known), split_colours(codes)
    best, distance = np.zeros(len(codes), np.int64), np.full(len(codes), 2**31)
    for place, point in enumerate(points):  # one level at a time: a mask may hold a million colours
        far = ((colours - point) ** 2).sum(axis=1)
        best[far < distance], distance = place, np.minimum(far, distance)
    return best


def ids_encoding(classes: int, colours: Levels) -> MaskEncoding:
    """Grey levels and indices are ids."""
    values = (*range(classes + 1), IGNORE)
    return MaskEncoding("ids", Levels(values, values, exact=True), colours)
