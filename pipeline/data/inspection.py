"""A folder of images and labels as samples, with all that is wrong with it: the same for every source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.parallel import parallel_map
from pipeline.base.problems import Problem, listed
from pipeline.data.classes import ClassMapping, choose_classes, relabelled, unknown_labels
from pipeline.data.images import write_mask
from pipeline.data.manifest import Manifest, Sample, Split, mask_path
from pipeline.data.preflight import Finding, Reader, examine_all, source_mask
from pipeline.data.sources.parse import parse_source
from pipeline.data.sources.records import ParsedSource, SourceRecord
from pipeline.data.sources.spelling import as_on_disk, with_likely_names
from pipeline.data.val_split import choose_val
from pipeline.params import DataParams, Source


@dataclass(frozen=True)
class TrueMasks:
    """Where the masks of a manifest come from."""

    reader: Reader
    records: Mapping[str, SourceRecord]  # by the name of the sample
    table: NDArray[np.uint8]  # (256,): id of the source -> id


@dataclass(frozen=True)
class Inspection:
    """What a folder holds, and everything that is wrong with it."""

    manifest: Manifest | None  # None: there are errors
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    masks: TrueMasks | None = field(default=None, compare=False, repr=False)
    hashes: Mapping[str, int] = field(default_factory=dict, repr=False)  # what each sample looks like


def inspect_folder(
    source: Source, path: Path, data: DataParams, seed: int, workers: int | None = None
) -> Inspection:
    """Read labels, images and masks of the folder `path`; every problem is listed, none stops the search.

    `data` says which classes there are and what to do with files that cannot be read. Where no record is in
    `val`, a share of those without a split (of all in `train`, if every record has one) is moved there; else
    records without a split are in `train`.
    """
    parsed = parse_source(source, path, data)
    if not parsed.records and any(problem.fatal for problem in parsed.problems):
        return _inspection(parsed.problems)
    mapping, found = choose_classes(parsed, data)
    problems = [*parsed.problems, *found, *unknown_labels(parsed, mapping)]
    records, found = relabelled(parsed, mapping)
    records = as_on_disk(path, records)
    problems += found
    reader = Reader(path, len(mapping.names), parsed.colours, data.max_megapixels)
    records, findings, found = _readable(records, examine_all(reader, records, workers), data)
    found = with_likely_names(path, found)
    splits, missing = _assign_splits(parsed.file, records, data.val_share, seed)
    problems += missing + _unseen_classes(parsed.file, records, mapping.classes, splits) + found
    problems += _surprising_masks(parsed, records, findings, mapping)
    if any(problem.fatal for problem in problems):
        return _inspection(problems)
    samples = [
        _sample(record, f, mapping.classes, splits[record.name])
        for record, f in zip(records, findings, strict=True)
    ]
    samples.sort(key=lambda sample: sample.name)
    return replace(
        _inspection(problems),
        manifest=Manifest(path.as_posix(), mapping.classes, tuple(samples)),
        masks=TrueMasks(reader, {record.name: record for record in records}, mapping.table()),
        hashes={record.name: f.hash for record, f in zip(records, findings, strict=True)},
    )


def write_ground_truth(found: Inspection, folder: Path, workers: int | None = None) -> None:
    """Write the masks of an inspected folder without errors to `folder`, all as palette PNGs."""
    if found.manifest is None or found.masks is None:
        raise ValueError("expected a folder without errors")
    samples = [sample for sample in found.manifest.samples if sample.mask]
    pairs = [(mask_path(folder, sample), found.masks.records[sample.name]) for sample in samples]
    function = partial(_write_true_mask, found.masks.reader, found.masks.table)
    parallel_map(function, pairs, workers=workers, description="writing ground-truth masks")


def _write_true_mask(reader: Reader, table: NDArray[np.uint8], pair: tuple[Path, SourceRecord]) -> None:
    mask = source_mask(reader, pair[1])
    if mask is None:
        raise FileNotFoundError(f"{pair[1].mask}: the mask is gone since it was read")
    write_mask(pair[0], table[mask])


def _inspection(problems: Sequence[Problem]) -> Inspection:
    errors = tuple(str(problem) for problem in problems if problem.fatal)
    return Inspection(None, errors, tuple(str(problem) for problem in problems if not problem.fatal))


def _readable(
    records: Sequence[SourceRecord], findings: Sequence[Finding], data: DataParams
) -> tuple[list[SourceRecord], list[Finding], list[Problem]]:
    """With `data.on_bad_image: skip` only records without problems, which then are warnings; else all."""
    problems = [problem for finding in findings for problem in finding.problems]
    if data.on_bad_image == "error":
        return list(records), list(findings), problems
    good = [(record, f) for record, f in zip(records, findings, strict=True) if not f.problems]
    advice = "It is left out (data.on_bad_image)."
    skipped = [replace(problem, advice=advice, fatal=False) for problem in problems]
    return [record for record, _ in good], [f for _, f in good], skipped


_NO_IMAGE = {
    ".csv": "Add a line for each image.",
    "": "Is it the folder with the export and its images? docs/data.md shows what each kind holds.",
}


def _assign_splits(
    file: Path, records: Sequence[SourceRecord], share: float, seed: int
) -> tuple[dict[str, Split], list[Problem]]:
    """The split of each name. Tells where it is not the source that decided."""
    splits: dict[str, Split] = {record.name: record.split or "train" for record in records}
    unsaid = [record for record in records if record.split is None]
    if not records:
        return {}, [Problem(file, "at least one image", "none", _NO_IMAGE.get(file.suffix, _NO_IMAGE[""]))]
    if "val" in splits.values():
        got, advice = f"{len(unsaid)} without one", "They are used for training."
        return splits, [Problem(file, "a split in each line", got, advice, fatal=False)] if unsaid else []
    train = [record for record in records if record.split == "train"]
    candidates, kept = (unsaid, train) if unsaid else (train, [])
    labels = {record.name: record.labels for record in candidates}
    val = choose_val(labels, share, seed, [record.labels for record in kept])
    splits |= dict.fromkeys(val, "val")
    if not val:
        return splits, [
            Problem(file, "a split val", "none, and too few images to set some aside", "Add images.")
        ]
    advice = f"{len(val)} of {len(candidates)} images are set aside for it by the seed (data.val_share)."
    return splits, [Problem(file, "a split val", "none", advice, fatal=False)]


def _unseen_classes(
    file: Path, records: Sequence[SourceRecord], classes: Sequence[str], splits: Mapping[str, Split]
) -> list[Problem]:
    seen = {label for record in records for label in record.labels if splits[record.name] == "train"}
    expected, advice = "an image of each class in train", "Label one, or take the class out of the classes."
    return [Problem(file, expected, f"none of {name!r}", advice) for name in classes if name not in seen]


def _surprising_masks(
    parsed: ParsedSource, records: Sequence[SourceRecord], findings: Sequence[Finding], mapping: ClassMapping
) -> list[Problem]:
    """A warning where masks show classes that their labels deny: often the ids are in another order."""
    unclear = {
        record.name for record in parsed.records if mapping.unknown & set(record.labels)
    }  # an error already
    names = [
        record.name
        for record, finding in zip(records, findings, strict=True)
        if _shown(finding, mapping) - set(record.labels) and record.name not in unclear
    ]
    if not names:
        return []
    got = f"{len(names)} with others: {listed(names)}"
    advice = "Check that the ids are in the order of the classes; scores use the masks as they are."
    return [Problem(parsed.masks, "masks with the classes of their labels only", got, advice, fatal=False)]


def _shown(finding: Finding, mapping: ClassMapping) -> set[str]:
    """The classes in a mask."""
    names = [mapping.names[i - 1] for i in finding.ids or () if 1 <= i <= len(mapping.names)]
    return {target for name in names if (target := mapping.targets[name]) is not None}


def _sample(record: SourceRecord, finding: Finding, classes: Sequence[str], split: Split) -> Sample:
    mask = finding.ids is not None
    return Sample(
        name=record.name,
        image=record.image,
        sha256=finding.sha256,
        height=finding.height,
        width=finding.width,
        labels=tuple(sorted(classes.index(label) for label in record.labels)),
        split=split,
        mask=mask,
        score=mask and record.score,
    )
