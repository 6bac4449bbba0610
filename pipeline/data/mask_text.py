"""How masks are read, in words."""

from collections.abc import Sequence

from pipeline.base.problems import listed
from pipeline.data.images import IGNORE
from pipeline.data.mask_encoding import OWN, Levels, MaskEncoding
from pipeline.data.mask_values import colour_of

KINDS = {
    "ids": "ids",
    "binary": "binary",
    "instances": "numbers of objects",
    "colours": "levels, one for each class",
}


def describe_encoding(encoding: MaskEncoding, names: Sequence[str]) -> str:
    """E.g. `read as binary: 0 is background, 255 is tumour`.

    Args:
        names: of the source's classes, in the order of their ids.
    """
    coloured = bool(encoding.colours.values)
    levels = encoding.colours if coloured and encoding.kind == "colours" else encoding.grey
    kind = "colours" if levels is encoding.colours else KINDS[encoding.kind]
    meanings = _meanings(levels, names, levels is encoding.colours)
    if encoding.kind == "instances":
        meanings = [meanings[0], f"all above 0 is {meanings[1].split(' is ', 1)[1]}"]
    nearest = "; values between these count as the nearest" if encoding.soft else ""
    both = "; colours too" if coloured and levels is encoding.grey else ""
    return f"read as {kind}: {listed(meanings)}{nearest}{both}"


def _meanings(levels: Levels, names: Sequence[str], coloured: bool) -> list[str]:
    pairs = [(v, i) for v, i in zip(levels.values, levels.ids, strict=True) if i <= len(names) or i == OWN]
    pairs += [(v, i) for v, i in zip(levels.values, levels.ids, strict=True) if i == IGNORE]
    return [
        f"{','.join(map(str, colour_of(value))) if coloured else value} is {_meaning(i, names)}"
        for value, i in pairs
    ]


def _meaning(i: int, names: Sequence[str]) -> str:
    if i == OWN:
        return "the only label of the image"
    if i == IGNORE:
        return "not counted"
    return names[i - 1] if i else "background"
