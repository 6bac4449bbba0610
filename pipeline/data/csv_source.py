"""The `csv` source: a folder with images/, labels.csv, and optionally masks/ and classes.txt."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from pipeline.data.labels_csv import Row, read_rows
from pipeline.data.manifest import Manifest, Sample, Split, mask_path
from pipeline.data.parallel import parallel_map
from pipeline.data.pictures import IGNORE, read_mask, write_mask
from pipeline.data.preflight import Finding, examine_all, unmatched
from pipeline.data.problems import Problem, listed
from pipeline.data.val_split import choose_val
from pipeline.params import DataParams


@dataclass(frozen=True)
class Inspection:
    """What a folder holds, and everything that is wrong with it."""

    manifest: Manifest | None  # None: there are errors
    errors: tuple[str, ...]
    warnings: tuple[str, ...]


def inspect_folder(path: Path, data: DataParams, seed: int, workers: int | None = None) -> Inspection:
    """Read labels, images and masks of the folder `path`; every problem is listed, none stops the search.

    `data` gives `classes` and `val_share`. Where no row is in `val`, a share of those without a split (of
    all in `train`, if every row has one) is moved there; else rows without a split are in `train`.
    """
    problems = _check_folder(path)
    if problems:
        return _inspection(None, problems)
    rows, problems = read_rows(path)
    classes, found = _find_classes(path, data, rows)
    problems += found + _unknown_labels(path, rows, classes)
    splits, found = _assign_splits(path, rows, data.val_share, seed)
    problems += found + _unseen_classes(path, rows, classes, splits)
    findings = examine_all(path, rows, classes, workers)
    problems += [problem for finding in findings for problem in finding.problems]
    problems += _surprising_masks(path, rows, findings, classes) + unmatched(path, rows)
    if any(problem.fatal for problem in problems):
        return _inspection(None, problems)
    samples = [_sample(row, f, classes, splits[row.name]) for row, f in zip(rows, findings, strict=True)]
    samples.sort(key=lambda sample: sample.name)
    return _inspection(Manifest(path.as_posix(), classes, tuple(samples)), problems)


def write_true_masks(manifest: Manifest, folder: Path, workers: int | None = None) -> None:
    """Write the masks of the manifest's folder to `folder`, all as palette PNGs."""
    samples = [sample for sample in manifest.samples if sample.mask]
    function = partial(_write_true_mask, Path(manifest.root) / "masks", folder)
    parallel_map(function, samples, workers=workers, description="writing true masks")


def _write_true_mask(source: Path, folder: Path, sample: Sample) -> None:
    write_mask(mask_path(folder, sample), read_mask(mask_path(source, sample)))


def _inspection(manifest: Manifest | None, problems: Sequence[Problem]) -> Inspection:
    errors = tuple(str(problem) for problem in problems if problem.fatal)
    return Inspection(manifest, errors, tuple(str(problem) for problem in problems if not problem.fatal))


def _check_folder(path: Path) -> list[Problem]:
    if path.is_dir() and (path / "images").is_dir():
        return []
    advice = "Make it, with the photos in images/ and their labels in labels.csv."
    return [Problem(path, "a folder with images/ in it", "no such folder", advice)]


def _find_classes(path: Path, data: DataParams, rows: Sequence[Row]) -> tuple[tuple[str, ...], list[Problem]]:
    """data.classes, else the lines of classes.txt, else the labels in sorted order."""
    file = path / "classes.txt"
    if data.classes is not None:
        file, classes = Path("params.yaml"), data.classes
    elif file.exists():
        try:
            lines = file.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            return (), [Problem(file, "one class per line in UTF-8", str(error), "Save it as UTF-8 text.")]
        classes = tuple(line.strip() for line in lines if line.strip())
    else:
        file, classes = path / "labels.csv", tuple(sorted({label for row in rows for label in row.labels}))
    return classes, _check_classes(file, classes)


def _check_classes(file: Path, classes: Sequence[str]) -> list[Problem]:
    problems = []
    if not 1 <= len(classes) < IGNORE:
        advice = "Give at least one image a label, or list the classes."
        problems.append(Problem(file, f"1 to {IGNORE - 1} classes", str(len(classes)), advice))
    repeated = sorted({name for name in classes if classes.count(name) > 1})
    if repeated:
        problems.append(
            Problem(file, "each class once", f"{listed(repeated)} again", "Delete the repetition.")
        )
    return problems


def _unknown_labels(path: Path, rows: Sequence[Row], classes: Sequence[str]) -> list[Problem]:
    problems = []
    unknown = [(row, label) for row in rows for label in row.labels if label not in classes]
    for row, label in unknown:
        close = get_close_matches(label, classes, 1)
        advice = f"Did you mean {close[0]!r}?" if close else "Correct it, or add it to the classes."
        expected = f"labels of the classes {listed(classes)}"
        problems.append(Problem(path / "labels.csv", expected, repr(label), advice, row.line))
    return problems


def _assign_splits(
    path: Path, rows: Sequence[Row], share: float, seed: int
) -> tuple[dict[str, Split], list[Problem]]:
    """The split of each name. Tells where it is not the file that decided."""
    file = path / "labels.csv"
    splits: dict[str, Split] = {row.name: row.split or "train" for row in rows}
    unsaid = [row for row in rows if row.split is None]
    if not rows:
        return {}, [Problem(file, "at least one image", "none", "Add a line for each image.")]
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
    path: Path, rows: Sequence[Row], classes: Sequence[str], splits: Mapping[str, Split]
) -> list[Problem]:
    seen = {label for row in rows for label in row.labels if splits[row.name] == "train"}
    expected, advice = "an image of each class in train", "Label one, or take the class out of the classes."
    return [
        Problem(path / "labels.csv", expected, f"none of {name!r}", advice)
        for name in classes
        if name not in seen
    ]


def _surprising_masks(
    path: Path, rows: Sequence[Row], findings: Sequence[Finding], classes: Sequence[str]
) -> list[Problem]:
    """A warning where masks show classes that their labels deny: often the ids are in another order."""
    # A row with an unknown label is an error already.
    pairs = [(row, f) for row, f in zip(rows, findings, strict=True) if set(row.labels) <= set(classes)]
    names = [row.name for row, finding in pairs if _ids(finding, classes) - _labelled(row, classes)]
    if not names:
        return []
    got = f"{len(names)} with others: {listed(names)}"
    advice = "Check that the ids are in the order of the classes; scores use the masks as they are."
    return [Problem(path / "masks", "masks with the classes of their labels only", got, advice, fatal=False)]


def _ids(finding: Finding, classes: Collection[str]) -> set[int]:
    return {i for i in finding.ids or () if 1 <= i <= len(classes)}


def _labelled(row: Row, classes: Sequence[str]) -> set[int]:
    return {classes.index(label) + 1 for label in row.labels}


def _sample(row: Row, finding: Finding, classes: Sequence[str], split: Split) -> Sample:
    mask = finding.ids is not None
    return Sample(
        name=row.name,
        image=f"images/{row.image}",
        sha256=finding.sha256,
        height=finding.height,
        width=finding.width,
        labels=tuple(sorted(classes.index(label) for label in row.labels)),
        split=split,
        mask=mask,
        score=mask and row.score,
    )
