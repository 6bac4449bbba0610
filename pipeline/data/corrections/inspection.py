"""Corrected masks held against the data set: whose they are, and all that is wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.base.problems import Problem, listed
from pipeline.data.images import IGNORE, Mask, mask_png
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.preflight import Reader, source_mask
from pipeline.data.sources.colour_tables import VOID
from pipeline.data.sources.listing import ends, locate
from pipeline.data.sources.records import BACKGROUND, ParsedSource, SourceRecord, stem

UNKNOWN = -1
RENEW = "and run `dvc repro prepare`"

Table = NDArray[np.int64]  # (256,): id of a mask -> id in the data set, 255, or UNKNOWN


@dataclass(frozen=True)
class Corrections:
    """Masks by the name of their sample, and everything that is wrong: with errors none may be used."""

    masks: Mapping[str, bytes]  # 8-bit palette PNG, sorted by name
    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def inspect_corrections(
    parsed: ParsedSource, manifest: Manifest, order: Sequence[str], max_megapixels: float
) -> Corrections:
    """Decode and check every mask; all problems are listed, none stops the search.

    Args:
        order: classes in the order of the ids of the PNGs that come out; has all of the manifest's.
        max_megapixels: of a mask; larger ones are refused before they are decoded.
    """
    problems = [problem for problem in parsed.problems if problem.fatal]
    masks: dict[str, bytes] = {}
    if len(parsed.names) >= IGNORE:
        advice = "Give those of the data set only."
        problems.append(Problem(parsed.file, f"up to {IGNORE - 1} classes", str(len(parsed.names)), advice))
        return _corrections(masks, problems)
    reader = Reader(parsed.file, len(parsed.names), parsed.colours, max_megapixels)
    table = _table(parsed.names, manifest.classes)
    ordered = np.arange(256, dtype=np.uint8)  # the last is 255, for UNKNOWN too
    ordered[1 : len(manifest.classes) + 1] = [order.index(name) + 1 for name in manifest.classes]
    pairs, found = _match(parsed.records, manifest)
    problems += found
    for record, sample in pairs:
        mask, found = _read(reader, record, sample)
        if mask is not None:
            problems += _check_ids(mask, record, sample, table, parsed.names, manifest.classes)
            masks[sample.name] = mask_png(ordered[table[mask]])
        problems += found
    return _corrections(masks, problems)


def _corrections(masks: Mapping[str, bytes], problems: Sequence[Problem]) -> Corrections:
    errors = tuple(str(problem) for problem in problems if problem.fatal)
    warnings = tuple(str(problem) for problem in problems if not problem.fatal)
    return Corrections(dict(sorted(masks.items())), errors, warnings)


def _table(names: Sequence[str], classes: Sequence[str]) -> Table:
    table = np.full(256, UNKNOWN, np.int64)
    table[0], table[IGNORE] = 0, IGNORE
    for i, name in enumerate(names, 1):
        table[i] = _id(name, classes)
    return table


def _id(name: str, classes: Sequence[str]) -> int:
    """The id that a name stands for; `ignore` has underscores where a class is so called."""
    if name in classes:
        return classes.index(name) + 1
    if name in BACKGROUND:
        return 0
    return IGNORE if name.rstrip("_") in VOID else UNKNOWN


def _match(
    records: Sequence[SourceRecord], manifest: Manifest
) -> tuple[list[tuple[SourceRecord, Sample]], list[Problem]]:
    """The training sample of each record, once: by its name, or by the longest end of its path."""
    samples = {sample.name: sample for sample in manifest.samples}
    by_end = ends(samples)
    taken: dict[str, SourceRecord] = {}
    problems = []
    for record in records:
        names = [record.name] if record.name in samples else _located(record, by_end)
        problem = _check_match(record, [samples[name] for name in names], taken)
        if problem:
            problems.append(problem)
        else:
            taken[names[0]] = record
    return [(record, samples[name]) for name, record in taken.items()], problems


def _located(record: SourceRecord, by_end: dict[str, list[str]]) -> Sequence[str]:
    candidates = (locate(text, by_end) for text in (record.name, stem(record.name), stem(record.image)))
    return next((names for names in candidates if names), ())


def _check_match(
    record: SourceRecord, samples: Sequence[Sample], taken: Mapping[str, SourceRecord]
) -> Problem | None:
    file, expected = record.location.file, f"a training image for {record.name[:200]!r}"
    if len(samples) != 1:
        got = f"{len(samples)}: {listed([s.name for s in samples])}" if samples else "none of that name"
        advice = "Name masks like the images of the data set, or take this one out."
        return Problem(file, expected, got, advice, record.location)
    sample = samples[0]
    if sample.split != "train":
        advice = "Take it out: a mask that trains must not score. Name the image's split, if it should train."
        return Problem(file, expected, f"one of {sample.split}", advice, record.location)
    if sample.name in taken:
        other = taken[sample.name].location
        got, advice = f"a second mask of it, after {other.file.name} {other.at}".rstrip(), "Keep one."
        return Problem(file, f"one mask for {sample.name!r}", got, advice, record.location)
    return None


def _read(reader: Reader, record: SourceRecord, sample: Sample) -> tuple[Mask | None, list[Problem]]:
    """The mask with the ids of its source, at the size of the sample."""
    size = (sample.height, sample.width)
    if isinstance(record.mask, tuple):
        if record.size != size and (record.mask or record.size):  # before anything is drawn at that size
            return None, [_other_size(record, sample, record.size)]
        record = replace(record, size=size)
    try:
        mask = source_mask(reader, record)
    except (ValueError, OSError, MemoryError) as error:
        message = str(error).removeprefix(f"{record.location.file}: ").rstrip(".")
        expected, advice = f"a mask for {sample.name!r}", "Export it again, or take it out."
        return None, [
            Problem(record.location.file, expected, f"an error: {message}", advice, record.location)
        ]
    if mask is None:
        advice = "Draw it, or take the image out."
        return None, [
            Problem(
                record.location.file, f"a mask for {sample.name!r}", "labels only", advice, record.location
            )
        ]
    return (mask, []) if mask.shape == size else (None, [_other_size(record, sample, mask.shape)])


def _other_size(record: SourceRecord, sample: Sample, found: Sequence[int] | None) -> Problem:
    expected = f"the {sample.height} x {sample.width} pixels (height x width) of {sample.name!r}"
    got = f"{found[0]} x {found[1]}" if found else "none"
    advice = "Export the mask at the size of its upright image, without interpolation."
    return Problem(record.location.file, expected, got, advice, record.location)


def _check_ids(
    mask: Mask,
    record: SourceRecord,
    sample: Sample,
    table: Table,
    names: Sequence[str],
    classes: Sequence[str],
) -> list[Problem]:
    """Ids without a class, classes that the labels do not name; a warning for labels that are not drawn."""
    ids = [int(i) for i in np.unique(mask)]
    labels = [classes[label] for label in sample.labels]
    unknown = [f"id {i}" if i > len(names) else repr(names[i - 1]) for i in ids if table[i] == UNKNOWN]
    shown = [classes[table[i] - 1] for i in ids if 0 < table[i] < IGNORE]
    denied = [name for name in shown if name not in labels]
    missing = [name for name in labels if name not in shown]
    file, problems = record.location.file, []
    if unknown:
        expected, advice = f"the classes {listed(classes)}", "Correct the names or ids, or data.classes."
        problems.append(Problem(file, expected, listed(unknown), advice, record.location))
    if denied:
        expected = f"the image-level labels of {sample.name!r}: {listed(labels) or 'background'}"
        advice = f"Correct the labels of the image (labels.csv) {RENEW}, or correct the mask."
        problems.append(Problem(file, expected, listed(denied), advice, record.location))
    if missing and not unknown:
        expected, advice = f"each label of {sample.name!r}", "Right, if it is in no pixel."
        got = f"none of {listed(missing)}"
        problems.append(Problem(file, expected, got, advice, record.location, fatal=False))
    return problems
