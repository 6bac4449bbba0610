"""Corrected masks held against the data set: whose they are, and all that is wrong with them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.base.problems import Problem, listed
from pipeline.data.images import IGNORE, Mask, mask_png
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.preflight import Reader, source_mask
from pipeline.data.sources.labelmap import VOID
from pipeline.data.sources.listing import ends, locate
from pipeline.data.sources.rows import BACKGROUND, ParsedSource, Row, stem

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
    pairs, found = _match(parsed.rows, manifest)
    problems += found
    for row, sample in pairs:
        mask, found = _read(reader, row, sample)
        if mask is not None:
            problems += _check_ids(mask, row, sample, table, parsed.names, manifest.classes)
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


def _match(rows: Sequence[Row], manifest: Manifest) -> tuple[list[tuple[Row, Sample]], list[Problem]]:
    """The training sample of each row, once: by its name, or by the longest end of its path."""
    samples = {sample.name: sample for sample in manifest.samples}
    by_end = ends(samples)
    taken: dict[str, Row] = {}
    problems = []
    for row in rows:
        names = [row.name] if row.name in samples else _located(row, by_end)
        problem = _check_match(row, [samples[name] for name in names], taken)
        if problem:
            problems.append(problem)
        else:
            taken[names[0]] = row
    return [(row, samples[name]) for name, row in taken.items()], problems


def _located(row: Row, by_end: dict[str, list[str]]) -> Sequence[str]:
    candidates = (locate(text, by_end) for text in (row.name, stem(row.name), stem(row.image)))
    return next((names for names in candidates if names), ())


def _check_match(row: Row, samples: Sequence[Sample], taken: Mapping[str, Row]) -> Problem | None:
    file, expected = row.location.file, f"a training image for {row.name[:200]!r}"
    if len(samples) != 1:
        got = f"{len(samples)}: {listed([s.name for s in samples])}" if samples else "none of that name"
        advice = "Name masks like the images of the data set, or take this one out."
        return Problem(file, expected, got, advice, row.location)
    sample = samples[0]
    if sample.split != "train":
        advice = "Take it out: a mask that trains must not score. Name the image's split, if it should train."
        return Problem(file, expected, f"one of {sample.split}", advice, row.location)
    if sample.name in taken:
        other = taken[sample.name].location
        got, advice = f"a second mask of it, after {other.file.name} {other.at}".rstrip(), "Keep one."
        return Problem(file, f"one mask for {sample.name!r}", got, advice, row.location)
    return None


def _read(reader: Reader, row: Row, sample: Sample) -> tuple[Mask | None, list[Problem]]:
    """The mask with the ids of its source, at the size of the sample."""
    size = (sample.height, sample.width)
    if isinstance(row.mask, tuple):
        if row.size != size and (row.mask or row.size):  # before anything is drawn at that size
            return None, [_other_size(row, sample, row.size)]
        row = replace(row, size=size)
    try:
        mask = source_mask(reader, row)
    except (ValueError, OSError, MemoryError) as error:
        message = str(error).removeprefix(f"{row.location.file}: ").rstrip(".")
        expected, advice = f"a mask for {sample.name!r}", "Export it again, or take it out."
        return None, [Problem(row.location.file, expected, f"an error: {message}", advice, row.location)]
    if mask is None:
        advice = "Draw it, or take the image out."
        return None, [
            Problem(row.location.file, f"a mask for {sample.name!r}", "labels only", advice, row.location)
        ]
    return (mask, []) if mask.shape == size else (None, [_other_size(row, sample, mask.shape)])


def _other_size(row: Row, sample: Sample, found: Sequence[int] | None) -> Problem:
    expected = f"the {sample.height} x {sample.width} pixels (height x width) of {sample.name!r}"
    got = f"{found[0]} x {found[1]}" if found else "none"
    advice = "Export the mask at the size of its upright image, without interpolation."
    return Problem(row.location.file, expected, got, advice, row.location)


def _check_ids(
    mask: Mask, row: Row, sample: Sample, table: Table, names: Sequence[str], classes: Sequence[str]
) -> list[Problem]:
    """Ids without a class, classes that the labels do not name; a warning for labels that are not drawn."""
    ids = [int(i) for i in np.unique(mask)]
    labels = [classes[label] for label in sample.labels]
    unknown = [f"id {i}" if i > len(names) else repr(names[i - 1]) for i in ids if table[i] == UNKNOWN]
    shown = [classes[table[i] - 1] for i in ids if 0 < table[i] < IGNORE]
    denied = [name for name in shown if name not in labels]
    missing = [name for name in labels if name not in shown]
    file, problems = row.location.file, []
    if unknown:
        expected, advice = f"the classes {listed(classes)}", "Correct the names or ids, or data.classes."
        problems.append(Problem(file, expected, listed(unknown), advice, row.location))
    if denied:
        expected = f"the image-level labels of {sample.name!r}: {listed(labels) or 'background'}"
        advice = f"Correct the labels of the image (labels.csv) {RENEW}, or correct the mask."
        problems.append(Problem(file, expected, listed(denied), advice, row.location))
    if missing and not unknown:
        expected, advice = f"each label of {sample.name!r}", "Right, if it is in no pixel."
        got = f"none of {listed(missing)}"
        problems.append(Problem(file, expected, got, advice, row.location, fatal=False))
    return problems
