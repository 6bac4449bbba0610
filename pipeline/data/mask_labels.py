"""Labels of images that have masks and nothing else: the classes in their masks."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from pipeline.base.files import safe_join
from pipeline.base.parallel import parallel_map
from pipeline.base.problems import Problem, listed
from pipeline.data.images import IGNORE
from pipeline.data.mask_decision import SetOfMasks, Undecided, decide
from pipeline.data.mask_encoding import MaskEncoding, ids_of_values
from pipeline.data.mask_survey import unnamed_values
from pipeline.data.mask_values import MaskValues, count_values, read_raw_mask
from pipeline.data.names import may_be_class
from pipeline.data.problem_lists import warn_of
from pipeline.data.sources.documents import CLASS_LIST
from pipeline.data.sources.records import ParsedSource, SourceRecord
from pipeline.params import DataParams

ONE_CLASS = "object"  # where masks say where something is, and nothing says what
MOST_IDS = 64  # larger values are levels of grey, and no ids

MaskedRecord = tuple[SourceRecord, MaskValues]


def with_labels_of_masks(folder: Path, parsed: ParsedSource, data: DataParams) -> ParsedSource:
    """The records with the classes in their masks as labels; without names, the values of masks name them.

    Images whose masks cannot be read are left out, since nothing says what they show.
    """
    values = parallel_map(partial(_values, folder, data), parsed.records, description="reading masks")
    masked = [(r, v) for r, v in zip(parsed.records, values, strict=True) if isinstance(v, MaskValues)]
    bad = [f"{r.mask} ({v})" for r, v in zip(parsed.records, values, strict=True) if isinstance(v, str)]
    problems = warn_of(bad, "others", folder, "masks that can be read", "Their images are left out.")
    if not masked:
        return replace(parsed, records=(), problems=(*parsed.problems, *problems))
    found = [value for _, value in masked]
    names = parsed.names
    if not names:
        named = _names_of_values(parsed, found, data)
        if isinstance(named, Problem):
            return replace(parsed, records=(), problems=(*parsed.problems, *problems, named))
        names = named
        problems.append(_said_of_names(folder, names))
    decided = _decide(parsed, found, names, data)
    if isinstance(decided, Undecided) or (decided.own and len(names) > 1):
        problems.append(
            unnamed_values(replace(parsed, names=names), decided)
            if isinstance(decided, Undecided)
            else _one_value(folder, names)
        )
        return replace(parsed, records=(), problems=(*parsed.problems, *problems))
    records = tuple(replace(r, labels=_labels(decided, v, names)) for r, v in masked)
    shown = {label for record in records for label in record.labels}
    classes = tuple(name for name in names if name in shown)
    return replace(
        parsed, records=records, names=names, classes=classes, problems=(*parsed.problems, *problems)
    )


def _values(folder: Path, data: DataParams, record: SourceRecord) -> MaskValues | str:
    """The values of a mask, or why it cannot be read."""
    try:
        file = safe_join(folder, str(record.mask))
        return count_values(read_raw_mask(file, data.max_megapixels, data.mask_key))
    except (ValueError, OSError, MemoryError) as error:
        return str(error).removeprefix(f"{folder / str(record.mask)}: ").rstrip(".")


def _decide(
    parsed: ParsedSource, found: Sequence[MaskValues], names: Sequence[str], data: DataParams
) -> MaskEncoding | Undecided:
    objects = tuple(i for i, name in enumerate(names, 1) if may_be_class(name))
    labels = [objects if len(objects) == 1 else ()] * len(found)
    return decide(SetOfMasks(found, labels, len(names), objects, parsed.colours), data.masks)


def _names_of_values(
    parsed: ParsedSource, found: Sequence[MaskValues], data: DataParams
) -> tuple[str, ...] | Problem:
    """One name where the masks show one class, else the ids as names; a problem for other values."""
    decided = _decide(parsed, found, (ONE_CLASS,), data)
    grey = {int(value) for mask in found if not mask.coloured for value in mask.values}
    coloured = any(mask.coloured for mask in found)
    if isinstance(decided, MaskEncoding):
        known = coloured or decided.kind != "ids" or grey <= {*decided.grey.values, IGNORE}
        if known:
            return (ONE_CLASS,)
    ids = grey - {0, IGNORE}
    if not coloured and ids and max(ids) <= MOST_IDS and min(ids) > 0:
        return tuple(str(i) for i in range(1, max(ids) + 1))
    if isinstance(decided, Undecided):
        return unnamed_values(parsed, decided)
    got = f"the values {listed(sorted(grey))}"
    advice = f"Write the names of the classes to {CLASS_LIST}, in the order of their ids."
    return Problem(parsed.masks, "masks whose values mean classes", got, advice)


def _said_of_names(folder: Path, names: Sequence[str]) -> Problem:
    """The warning on names that nobody gave."""
    if names == (ONE_CLASS,):
        advice = f"What the masks show is one class, {ONE_CLASS!r}; --rename {ONE_CLASS}=NAME names it."
    else:
        advice = "Their ids are their names. Write the names to this file, one per line, from id 1 on."
    return Problem(folder / CLASS_LIST, "the names of the classes", "no such file", advice, fatal=False)


def _one_value(folder: Path, names: Sequence[str]) -> Problem:
    advice = "Give one class, or labels beside the masks (labels.csv)."
    expected = f"masks that tell the classes {listed(names)} apart"
    return Problem(folder, expected, "one value for all objects", advice)


def _labels(encoding: MaskEncoding, found: MaskValues, names: Sequence[str]) -> tuple[str, ...]:
    """The names of the classes in a mask."""
    ids = {int(i) for i in ids_of_values(encoding, found, IGNORE)}
    return tuple(name for i, name in enumerate(names, 1) if i in ids and may_be_class(name))
