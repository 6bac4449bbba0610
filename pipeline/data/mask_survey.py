"""What the masks of a set hold, once the values of all of them are known."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.base.parallel import parallel_map
from pipeline.base.problems import Problem, listed
from pipeline.data.classes import ClassMapping
from pipeline.data.decode_check import DecodedFiles
from pipeline.data.images import IGNORE, id_counts
from pipeline.data.mask_decision import NAME_THEM, SetOfMasks, Undecided, decide
from pipeline.data.mask_encoding import MaskKind, ids_of_values
from pipeline.data.mask_text import describe_encoding
from pipeline.data.mask_values import MaskValues
from pipeline.data.problem_lists import warn_of
from pipeline.data.source_masks import Reader, is_drawn, mask_file, source_mask
from pipeline.data.sources.records import ClassMask, ParsedSource, SourceRecord
from pipeline.formats.palette import UNKNOWN, Colour

BACKGROUND, OPEN = "(background)", "(not counted)"
TINY = 16  # pixels of a class: an object may be lost

DecodedRecord = tuple[SourceRecord, DecodedFiles]


@dataclass(frozen=True)
class MaskSurvey:
    """What the masks of a folder hold."""

    encoding: str = ""  # how they are read, in words; empty without a file of a mask
    pixels: Mapping[str, int] = field(default_factory=dict)  # by class; BACKGROUND and OPEN too
    unnamed: tuple[tuple[Colour, float], ...] = ()  # colours that need names, with their shares


def read_all_masks(
    reader: Reader,
    parsed: ParsedSource,
    decoded: Sequence[DecodedRecord],
    mapping: ClassMapping,
    setting: MaskKind,
) -> tuple[Reader, list[DecodedRecord], MaskSurvey, list[Problem]]:
    """The reader with the encoding of the masks, what is in them, and an error where they are undecided."""
    decided = _decide_encoding(reader, parsed, decoded, mapping, setting)
    warnings = _lossy(parsed, decoded, decided)
    if isinstance(decided, Undecided):
        expected = f"masks whose values mean the classes {listed(parsed.names)}"
        advice = f"{NAME_THEM} Or set data.masks to ids, binary or instances."
        problem = Problem(parsed.masks, expected, decided.got, advice)
        return reader, list(decoded), MaskSurvey(unnamed=decided.unnamed), [problem, *warnings]
    contents = _read_ids(decided, decoded)
    read = [(record, content) for (record, _), content in zip(decoded, contents, strict=True)]
    files = any(content.ids is not None and not is_drawn(record) for record, content in read)
    words = describe_encoding(decided.encoding, mapping.names) if files and decided.encoding else ""
    return decided, read, MaskSurvey(words, _pixels(read, mapping)), warnings


def _lossy(
    parsed: ParsedSource, decoded: Sequence[DecodedRecord], decided: Reader | Undecided
) -> list[Problem]:
    """A warning on JPEG masks, unless all that they tell apart is an object and its background."""
    if isinstance(decided, Reader) and decided.encoding and decided.encoding.kind == "binary":
        return []
    names = [
        r.name for r, content in decoded if content.surveyed and any(f.lossy for f in content.surveyed.files)
    ]
    expected = "masks of several values in a format that keeps them"
    advice = "JPEG changes them, most of all along edges. Save the masks as PNG."
    return warn_of(names, "as JPEG", parsed.masks, expected, advice)


def _pixels(decoded: Sequence[DecodedRecord], mapping: ClassMapping) -> dict[str, int]:
    """The pixels of the background, of each class and of none in all masks."""
    names, table = [BACKGROUND, *mapping.classes], mapping.table()
    counts = dict.fromkeys([*names, OPEN], 0)
    for _, content in decoded:
        for i, pixels in zip(content.ids or (), content.pixels, strict=True):
            target = int(table[i])
            counts[OPEN if target == IGNORE else names[target]] += pixels
    return counts


def _decide_encoding(
    reader: Reader,
    parsed: ParsedSource,
    decoded: Sequence[DecodedRecord],
    mapping: ClassMapping,
    setting: MaskKind,
) -> Reader | Undecided:
    """The reader with the encoding of all masks of the folder."""
    numbers = {name: i for i, name in enumerate(mapping.names, 1)}
    labels = {r.name: tuple(numbers[n] for n in r.labels if n in numbers) for r in parsed.records}
    files: list[MaskValues] = []
    shown: list[tuple[int, ...]] = []
    for record, content in decoded:
        if content.surveyed and not is_drawn(record):
            files += content.surveyed.files
            if isinstance(record.mask, tuple):
                shown += [(part.class_id,) for part in record.mask]
            else:
                shown.append(labels[record.name])
    objects = [i for name, i in numbers.items() if name not in mapping.background | mapping.ignored]
    masks = SetOfMasks(files, shown, reader.ids, tuple(objects), reader.colours)
    encoding = decide(masks, setting)
    if isinstance(encoding, Undecided):
        return encoding
    own = {name: ids[0] for name, ids in labels.items() if len(ids) == 1} if encoding.own else {}
    return replace(reader, encoding=encoding, own=own)


def _read_ids(reader: Reader, decoded: Sequence[DecodedRecord]) -> list[DecodedFiles]:
    """What is in the files, with the ids of their masks in place of the values."""
    found = [_with_ids(reader, record, content) for record, content in decoded]
    again = [
        (place, decoded[place][0], content)
        for place, content in enumerate(found)
        if content.ids is not None and _is_partly_known(*decoded[place])
    ]
    work = [(reader.of([record.name]), record, content) for _, record, content in again]
    counted = parallel_map(_counted, work, description="counting pixels")
    for (place, _, _), content in zip(again, counted, strict=True):
        found[place] = content
    return found


def _is_partly_known(record: SourceRecord, content: DecodedFiles) -> bool:
    """Whether pixels have to be counted: files that lie over each other, or of more values than kept."""
    files = content.surveyed.files if content.surveyed else ()
    return len(files) > 1 or not all(f.complete for f in files)


def _counted(entry: tuple[Reader, SourceRecord, DecodedFiles]) -> DecodedFiles:
    reader, record, content = entry
    mask = source_mask(reader, record, content.original_size)
    if mask is None:
        raise FileNotFoundError(f"{mask_file(reader, record)}: the mask is gone since it was read")
    counts = id_counts(mask)
    ids = np.flatnonzero(counts)
    return replace(content, ids=tuple(ids.tolist()), pixels=tuple(counts[ids].tolist()))


def _with_ids(reader: Reader, record: SourceRecord, content: DecodedFiles) -> DecodedFiles:
    if content.surveyed is None:
        return content
    counts = _count(reader, record, content.surveyed.files)
    unknown = sorted(counts.keys() - set(range(reader.ids + 1)) - {IGNORE})
    if unknown:  # negative numbers stand for values without an id
        values = [-(i + 1) if i < 0 else i for i in unknown]
        expected, got = f"ids 0..{reader.ids} or {IGNORE}", listed(sorted(values))
        advice = "Check the order and number of the classes (data.classes, classes.txt)."
        problem = Problem(mask_file(reader, record), expected, got, advice, record.location)
        return replace(content, surveyed=None, problems=(*content.problems, problem))
    shrunk = content.surveyed.small
    small = _count(reader, record, shrunk) if shrunk else {}
    tiny = tuple(i for i in counts if small.get(i, 0) < TINY) if shrunk else ()
    ids = tuple(sorted(counts))
    return replace(content, surveyed=None, ids=ids, pixels=tuple(counts[i] for i in ids), tiny=tiny)


def _count(reader: Reader, record: SourceRecord, files: Sequence[MaskValues]) -> dict[int, int]:
    """The pixels of each id of a mask; of a value v without an id, those of -(v + 1)."""
    parts = [part.class_id for part in record.mask or () if isinstance(part, ClassMask)]
    counts: dict[int, int] = {}
    encoding = None if is_drawn(record) else reader.encoding
    for file, own in zip(files, parts or [reader.own.get(record.name, IGNORE)] * len(files), strict=True):
        ids = file.values if encoding is None else ids_of_values(encoding, file, own)
        for i, value, pixels in zip(ids.tolist(), file.values.tolist(), file.counts.tolist(), strict=True):
            grey = value & 255 if file.coloured else value  # colours without an id are shades of grey
            key = -(grey + 1) if i == UNKNOWN else i
            counts[key] = counts.get(key, 0) + pixels
    return counts
