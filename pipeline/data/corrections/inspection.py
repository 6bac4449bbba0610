"""Masks that people drew, matched to the samples of the data set, with a list of all their problems."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pipeline.base.problems import Problem, listed
from pipeline.data.images import IGNORE, Mask, mask_png, resize_mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.problem_lists import BadEntry, as_messages, collected, problem_at
from pipeline.data.source_masks import Reader, read_source_mask
from pipeline.data.sources.listing import ends, locate
from pipeline.data.sources.mask_colours import id_of_name
from pipeline.data.sources.records import ParsedSource, SourceRecord, stem

UNKNOWN = -1

Table = NDArray[np.int64]  # (256,): id of a mask -> id in the data set, 255, or UNKNOWN
Unchanged = Callable[[Sample, Mask], bool]  # whether nobody drew a mask uint8 (H, W) with ids of the data set


@dataclass(frozen=True)
class Corrections:
    """Masks by the name of their sample, and all problems; with errors no mask may be used."""

    masks: Mapping[str, bytes]  # 8-bit palette PNG, sorted by name
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    unchanged: tuple[str, ...] = ()  # samples whose masks nobody drew: they are in no other list


def inspect_corrections(
    parsed: ParsedSource,
    manifest: Manifest,
    order: Sequence[str],
    max_megapixels: float,
    *,
    unchanged: Unchanged | None = None,
    shrink: bool = False,
    scoring: bool = False,
) -> Corrections:
    """Decode and check every mask; all problems are listed, none stops the search.

    Masks have the size of the image itself. With `shrink`, what comes out has that of its working copy.

    Args:
        order: classes in the order of the ids of the PNGs that come out; has all of the manifest's.
        max_megapixels: of a mask; larger ones are refused before they are decoded.
        unchanged: masks of which it says True are left out, and nothing is said of their ids.
        scoring: the masks score and train nothing: images of all splits may have them, and classes that the
            image-level labels do not name are a warning.
    """
    problems = [problem for problem in parsed.problems if problem.fatal]
    masks, left_out = dict[str, bytes](), list[str]()
    if len(parsed.names) >= IGNORE:
        got, advice = str(len(parsed.names)), "Give those of the data set only."
        problems.append(Problem(parsed.file, f"up to {IGNORE - 1} classes", got, advice))
        return Corrections(masks, as_messages(problems, fatal=True), ())
    reader = Reader(parsed.file, len(parsed.names), parsed.colours, max_megapixels)
    table = _table(parsed.names, manifest.classes)
    known = np.arange(256, dtype=np.uint8)  # the last is 255, for UNKNOWN too
    known[0] = 0 if manifest.background else IGNORE
    ordered = known.copy()
    ordered[1 : len(manifest.classes) + 1] = [order.index(name) + 1 for name in manifest.classes]
    for record, sample in _match(parsed.records, manifest, problems, scoring):
        mask = _read_mask(reader, record, sample, problems)
        if mask is None:
            continue
        found = table[mask]
        if unchanged is not None and UNKNOWN not in found and unchanged(sample, known[found]):
            left_out.append(sample.name)
            continue
        ids = ordered[found]
        masks[sample.name] = mask_png(resize_mask(ids, (sample.height, sample.width)) if shrink else ids)
        problems += _check_ids(mask, record, sample, table, parsed.names, manifest.classes, scoring)
    errors, warnings = as_messages(problems, fatal=True), as_messages(problems, fatal=False)
    return Corrections(dict(sorted(masks.items())), errors, warnings, tuple(left_out))


def _read_mask(reader: Reader, record: SourceRecord, sample: Sample, problems: list[Problem]) -> Mask | None:
    if record.mask is None:
        expected, advice = f"a mask for {sample.name!r}", "Draw it, or take the image out."
        problems.append(problem_at(record.location, expected, "labels only", advice))
        return None
    return read_source_mask(reader, replace(record, name=sample.name), sample.original_size, problems)


def _table(names: Sequence[str], classes: Sequence[str]) -> Table:
    table = np.full(256, UNKNOWN, np.int64)
    table[0], table[IGNORE] = 0, IGNORE
    for i, name in enumerate(names, 1):
        found = id_of_name(name, classes)
        table[i] = UNKNOWN if found is None else found
    return table


def _match(
    records: Sequence[SourceRecord], manifest: Manifest, problems: list[Problem], scoring: bool
) -> list[tuple[SourceRecord, Sample]]:
    """The sample of each record, once: by its name, or by the longest end of its path."""
    samples = {sample.name: sample for sample in manifest.samples}
    by_end = ends(samples)
    matched: dict[str, SourceRecord] = {}
    for record in records:
        names = [record.name] if record.name in samples else _located(record, by_end)
        with collected(problems):
            _check_match(record, [samples[name] for name in names], matched, scoring)
            matched[names[0]] = record
    return [(record, samples[name]) for name, record in matched.items()]


def _located(record: SourceRecord, by_end: dict[str, list[str]]) -> Sequence[str]:
    candidates = (locate(text, by_end) for text in (record.name, stem(record.name), stem(record.image)))
    return next((names for names in candidates if names), ())


def _check_match(
    record: SourceRecord, samples: Sequence[Sample], matched: Mapping[str, SourceRecord], scoring: bool
) -> None:
    expected = f"{'an' if scoring else 'a training'} image for {record.name[:200]!r}"
    if len(samples) != 1:
        got = f"{len(samples)}: {listed([s.name for s in samples])}" if samples else "none of that name"
        advice = "Name masks like the images of the data set, or take this one out."
        raise BadEntry(problem_at(record.location, expected, got, advice))
    sample = samples[0]
    if sample.split != "train" and not scoring:
        advice = (
            "Take it out: a mask that trains must not score. Name the image's split, if it should train; "
            "`camseg ground-truth add` takes masks that score."
        )
        raise BadEntry(problem_at(record.location, expected, f"one of {sample.split}", advice))
    if sample.name in matched:
        other = matched[sample.name].location
        got = f"a second mask of it, after {other.file.name} {other.at}".rstrip()
        raise BadEntry(problem_at(record.location, f"one mask for {sample.name!r}", got, "Keep one."))


def _check_ids(
    mask: Mask,
    record: SourceRecord,
    sample: Sample,
    table: Table,
    names: Sequence[str],
    classes: Sequence[str],
    scoring: bool,
) -> list[Problem]:
    """Ids without a class, classes that the labels do not name; a warning for labels that are not drawn."""
    ids = [int(i) for i in np.unique(mask)]
    labels = [classes[label] for label in sample.labels]
    unknown = [f"id {i}" if i > len(names) else repr(names[i - 1]) for i in ids if table[i] == UNKNOWN]
    shown = [classes[table[i] - 1] for i in ids if 0 < table[i] < IGNORE]
    denied = [name for name in shown if name not in labels]
    missing = [name for name in labels if name not in shown]
    at, problems = record.location, []
    if unknown:
        expected, advice = f"the classes {listed(classes)}", "Correct the names or ids, or data.classes."
        problems.append(problem_at(at, expected, listed(unknown), advice))
    if denied:
        expected = f"the image-level labels of {sample.name!r}: {listed(labels) or 'background'}"
        advice = (
            "Correct the labels of the image (labels.csv) and run `dvc repro prepare`, or correct the mask."
        )
        problems.append(problem_at(at, expected, listed(denied), advice, fatal=not scoring))
    if missing and not unknown:
        expected, got = f"each label of {sample.name!r}", f"none of {listed(missing)}"
        problems.append(problem_at(at, expected, got, "Right, if it is in no pixel.", fatal=False))
    return problems
