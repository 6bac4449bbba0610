"""A folder of photos and labels as samples, with all that is wrong with it: the same for every source."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.parallel import parallel_map
from pipeline.base.problems import Problem, listed
from pipeline.data.classes import Choice, choose_classes, relabelled, unknown_labels
from pipeline.data.images import write_mask
from pipeline.data.manifest import Manifest, Sample, Split, mask_path
from pipeline.data.preflight import Finding, Reader, examine_all, source_mask
from pipeline.data.sources.read import read_source
from pipeline.data.sources.rows import ParsedSource, Row
from pipeline.data.sources.spelling import as_on_disk, with_likely_names
from pipeline.data.val_split import choose_val
from pipeline.params import DataParams, Source


@dataclass(frozen=True)
class TrueMasks:
    """Where the masks of a manifest come from."""

    reader: Reader
    rows: Mapping[str, Row]  # by the name of the sample
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

    `data` says which classes there are and what to do with files that cannot be read. Where no row is in
    `val`, a share of those without a split (of all in `train`, if every row has one) is moved there; else
    rows without a split are in `train`.
    """
    parsed = read_source(source, path, data)
    if not parsed.rows and any(problem.fatal for problem in parsed.problems):
        return _inspection(parsed.problems)
    choice, found = choose_classes(parsed, data)
    problems = [*parsed.problems, *found, *unknown_labels(parsed, choice)]
    rows, found = relabelled(parsed, choice)
    rows = as_on_disk(path, rows)
    problems += found
    reader = Reader(path, len(choice.names), parsed.colours, data.max_megapixels)
    rows, findings, found = _readable(rows, examine_all(reader, rows, workers), data)
    found = with_likely_names(path, found)
    splits, missing = _assign_splits(parsed.file, rows, data.val_share, seed)
    problems += missing + _unseen_classes(parsed.file, rows, choice.classes, splits) + found
    problems += _surprising_masks(parsed, rows, findings, choice)
    if any(problem.fatal for problem in problems):
        return _inspection(problems)
    samples = [
        _sample(row, f, choice.classes, splits[row.name]) for row, f in zip(rows, findings, strict=True)
    ]
    samples.sort(key=lambda sample: sample.name)
    return replace(
        _inspection(problems),
        manifest=Manifest(path.as_posix(), choice.classes, tuple(samples)),
        masks=TrueMasks(reader, {row.name: row for row in rows}, choice.table()),
        hashes={row.name: f.hash for row, f in zip(rows, findings, strict=True)},
    )


def write_true_masks(found: Inspection, folder: Path, workers: int | None = None) -> None:
    """Write the masks of an inspected folder without errors to `folder`, all as palette PNGs."""
    if found.manifest is None or found.masks is None:
        raise ValueError("expected a folder without errors")
    samples = [sample for sample in found.manifest.samples if sample.mask]
    pairs = [(mask_path(folder, sample), found.masks.rows[sample.name]) for sample in samples]
    function = partial(_write_true_mask, found.masks.reader, found.masks.table)
    parallel_map(function, pairs, workers=workers, description="writing true masks")


def _write_true_mask(reader: Reader, table: NDArray[np.uint8], pair: tuple[Path, Row]) -> None:
    mask = source_mask(reader, pair[1])
    if mask is None:
        raise FileNotFoundError(f"{pair[1].mask}: the mask is gone since it was read")
    write_mask(pair[0], table[mask])


def _inspection(problems: Sequence[Problem]) -> Inspection:
    errors = tuple(str(problem) for problem in problems if problem.fatal)
    return Inspection(None, errors, tuple(str(problem) for problem in problems if not problem.fatal))


def _readable(
    rows: Sequence[Row], findings: Sequence[Finding], data: DataParams
) -> tuple[list[Row], list[Finding], list[Problem]]:
    """With `data.on_bad_image: skip` only rows without problems, which then are warnings; else all."""
    problems = [problem for finding in findings for problem in finding.problems]
    if data.on_bad_image == "error":
        return list(rows), list(findings), problems
    good = [(row, f) for row, f in zip(rows, findings, strict=True) if not f.problems]
    advice = "It is left out (data.on_bad_image)."
    skipped = [replace(problem, advice=advice, fatal=False) for problem in problems]
    return [row for row, _ in good], [f for _, f in good], skipped


_NO_IMAGE = {
    ".csv": "Add a line for each image.",
    "": "Is it the folder with the export and its photos? docs/data.md shows what each kind holds.",
}


def _assign_splits(
    file: Path, rows: Sequence[Row], share: float, seed: int
) -> tuple[dict[str, Split], list[Problem]]:
    """The split of each name. Tells where it is not the source that decided."""
    splits: dict[str, Split] = {row.name: row.split or "train" for row in rows}
    unsaid = [row for row in rows if row.split is None]
    if not rows:
        return {}, [Problem(file, "at least one image", "none", _NO_IMAGE.get(file.suffix, _NO_IMAGE[""]))]
    if "val" in splits.values():
        got, advice = f"{len(unsaid)} without one", "They are used for training."
        return splits, [Problem(file, "a split in each line", got, advice, fatal=False)] if unsaid else []
    train = [row for row in rows if row.split == "train"]
    candidates, kept = (unsaid, train) if unsaid else (train, [])
    labels = {row.name: row.labels for row in candidates}
    val = choose_val(labels, share, seed, [row.labels for row in kept])
    splits |= dict.fromkeys(val, "val")
    if not val:
        return splits, [
            Problem(file, "a split val", "none, and too few images to set some aside", "Add images.")
        ]
    advice = f"{len(val)} of {len(candidates)} images are set aside for it by the seed (data.val_share)."
    return splits, [Problem(file, "a split val", "none", advice, fatal=False)]


def _unseen_classes(
    file: Path, rows: Sequence[Row], classes: Sequence[str], splits: Mapping[str, Split]
) -> list[Problem]:
    seen = {label for row in rows for label in row.labels if splits[row.name] == "train"}
    expected, advice = "an image of each class in train", "Label one, or take the class out of the classes."
    return [Problem(file, expected, f"none of {name!r}", advice) for name in classes if name not in seen]


def _surprising_masks(
    parsed: ParsedSource, rows: Sequence[Row], findings: Sequence[Finding], choice: Choice
) -> list[Problem]:
    """A warning where masks show classes that their labels deny: often the ids are in another order."""
    unclear = {row.name for row in parsed.rows if choice.unknown & set(row.labels)}  # an error already
    names = [
        row.name
        for row, finding in zip(rows, findings, strict=True)
        if _shown(finding, choice) - set(row.labels) and row.name not in unclear
    ]
    if not names:
        return []
    got = f"{len(names)} with others: {listed(names)}"
    advice = "Check that the ids are in the order of the classes; scores use the masks as they are."
    return [Problem(parsed.masks, "masks with the classes of their labels only", got, advice, fatal=False)]


def _shown(finding: Finding, choice: Choice) -> set[str]:
    """The classes in a mask."""
    names = [choice.names[i - 1] for i in finding.ids or () if 1 <= i <= len(choice.names)]
    return {target for name in names if (target := choice.targets[name]) is not None}


def _sample(row: Row, finding: Finding, classes: Sequence[str], split: Split) -> Sample:
    mask = finding.ids is not None
    return Sample(
        name=row.name,
        image=row.image,
        sha256=finding.sha256,
        height=finding.height,
        width=finding.width,
        labels=tuple(sorted(classes.index(label) for label in row.labels)),
        split=split,
        mask=mask,
        score=mask and row.score,
    )
