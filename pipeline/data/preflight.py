"""Every image and mask of a folder decoded once, before anything is trained on them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.data.labels_csv import Row
from pipeline.data.parallel import parallel_map
from pipeline.data.pictures import IGNORE, SUFFIXES, read_image, read_mask
from pipeline.data.problems import Problem, listed


@dataclass(frozen=True)
class Finding:
    """What the files of one row hold."""

    sha256: str = ""  # of the image file
    height: int = 0  # pixels, upright
    width: int = 0
    ids: tuple[int, ...] | None = None  # in the mask, with 0 and 255; None: there is no mask
    problems: tuple[Problem, ...] = ()


def examine_all(
    folder: Path, rows: Sequence[Row], classes: Sequence[str], workers: int | None
) -> list[Finding]:
    """The finding of each row, in the order of the rows."""
    function = partial(examine, folder, classes)
    return parallel_map(function, rows, workers=workers, description="reading images and masks")


def examine(folder: Path, classes: Sequence[str], row: Row) -> Finding:
    """Decode the image of `row` and its mask, if there is one, and compare them."""
    file = folder / "images" / row.image
    try:
        size = read_image(file).shape[:2]
        sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    except (ValueError, OSError) as error:
        return Finding(problems=(_unreadable(file, "a readable picture", error, row),))
    ids, problems = _examine_mask(folder / "masks" / f"{row.name}.png", size, classes, row)
    return Finding(sha256, size[0], size[1], ids, tuple(problems))


def unmatched(folder: Path, rows: Sequence[Row]) -> list[Problem]:
    """Warnings on images that labels.csv does not name, and on masks that belong to no image."""
    images = {row.image for row in rows}
    unnamed = [name for name in _files(folder / "images") if name not in images and _is_picture(name)]
    masks = {f"{row.name}.png" for row in rows}
    unused = [name for name in _files(folder / "masks") if name not in masks and _is_picture(name)]
    problems = []
    if unnamed:
        advice = "They are left out; add lines to labels.csv to use them."
        got = f"{len(unnamed)} unnamed: {listed(unnamed)}"
        problems.append(
            Problem(folder / "images", "only images that labels.csv names", got, advice, fatal=False)
        )
    if unused:
        advice = "They are left out; name masks like their image, with the suffix .png."
        got = f"{len(unused)} others: {listed(unused)}"
        problems.append(
            Problem(folder / "masks", "only masks of images in labels.csv", got, advice, fatal=False)
        )
    return problems


def _examine_mask(
    file: Path, size: tuple[int, ...], classes: Sequence[str], row: Row
) -> tuple[tuple[int, ...] | None, list[Problem]]:
    if not file.exists():
        return None, []
    try:
        mask = read_mask(file)
    except (ValueError, OSError) as error:
        return None, [_unreadable(file, "a mask of class ids", error, row)]
    ids = tuple(int(i) for i in np.unique(mask))
    problems = []
    if mask.shape != size:
        got, expected = (f"{height} x {width}" for height, width in (mask.shape, size))
        advice = "Export the mask at the size of its upright image, without interpolation."
        problems.append(Problem(file, f"the image's height x width {expected}", got, advice, row.line))
    unknown = [i for i in ids if len(classes) < i < IGNORE]
    if unknown:
        advice = "Check the order and number of the classes (data.classes, classes.txt)."
        problems.append(
            Problem(file, f"ids 0..{len(classes)} or {IGNORE}", listed(unknown), advice, row.line)
        )
    return ids, problems


def _unreadable(file: Path, expected: str, error: Exception, row: Row) -> Problem:
    message = str(error).removeprefix(f"{file}: ").rstrip(".")
    got = f"an error: {message}" if file.exists() else "no such file"
    return Problem(file, expected, got, "Replace or delete the file, and its line in labels.csv.", row.line)


def _files(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def _is_picture(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)
