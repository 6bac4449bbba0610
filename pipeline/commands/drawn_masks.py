"""What `camseg corrections` and `camseg ground-truth` share: masks are read, kept, listed and removed."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np

from pipeline import paths
from pipeline.base.problems import listed
from pipeline.commands.folder import problem_lines
from pipeline.commands.parser import add_command
from pipeline.data.corrections.archive import unpack_zip
from pipeline.data.corrections.inspection import Corrections, Unchanged, inspect_corrections
from pipeline.data.corrections.read import CVAT_ZIP, Format, find_format, read_corrections
from pipeline.data.corrections.store import (
    StoredCounts,
    remove_corrections,
    store_corrections,
    stored_names,
)
from pipeline.data.images import Mask, resize_mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import has_mask, load_mask
from pipeline.errors import UserError
from pipeline.params import Params


def add_path_options(parser: argparse.ArgumentParser) -> None:
    """PATH, and in which format it is."""
    parser.add_argument("path", type=Path, metavar="PATH", help="a folder, a .zip or a .json")
    parser.add_argument(
        "--format", choices=get_args(Format), help="the format of PATH (default: camseg finds it out)"
    )


def add_list_and_remove(actions: Any, folder: Path, masks: str) -> None:
    """The actions `list` and `remove` of the store `folder`, which holds `masks`."""
    add_command(actions, "list", partial(list_masks, folder), f"name the images with {masks}")
    remove = add_command(actions, "remove", partial(remove_masks, folder), f"delete {masks}")
    remove.add_argument("names", nargs="+", metavar="NAME", help="as `list` names them")


def keep_masks(folder: Path, drawn: Corrections, order: Sequence[str], path: Path) -> StoredCounts | None:
    """Write the masks of `path` into the store `folder`; None, and nothing is written, after errors."""
    for line in problem_lines(drawn):
        print(line, file=sys.stderr)
    if drawn.errors:
        print(f"camseg: no mask was added: {len(drawn.errors)} error(s)", file=sys.stderr)
        return None
    if not drawn.masks:
        left = listed(drawn.unchanged)
        raise UserError(f"{path}: expected masks that somebody drew, got none; left out: {left}")
    return store_corrections(folder, drawn.masks, order)


def counted(folder: Path, counts: StoredCounts) -> str:
    """What became of the masks, in a line, with how many the store holds now."""
    same = f", {counts.same} as they lay there" if counts.same else ""
    stored = f"{len(stored_names(folder))} in {folder}"
    return f"{counts.added} mask(s) added, {counts.replaced} replaced{same}: {stored}"


def read_drawn_masks(
    path: Path,
    format: Format | None,
    order: Sequence[str],
    manifest: Manifest,
    params: Params,
    unchanged: Unchanged | None = None,
    *,
    scoring: bool = False,
) -> Corrections:
    """The masks of `path` and what is wrong with them; messages name a file of a zip below the zip.

    The other arguments are as for `inspect_corrections`.
    """
    most = params.data.max_megapixels
    with unpacked(path) as found:
        parsed = read_corrections(found, format or find_format(found), manifest.classes)
        drawn = inspect_corrections(parsed, manifest, order, most, unchanged=unchanged, scoring=scoring)
    if not parsed.records and not drawn.errors:
        raise UserError(f"{path}: expected masks, got none. Check the path, or name its --format")
    return replace(
        drawn,
        errors=tuple(line.replace(str(found), str(path)) for line in drawn.errors),
        warnings=tuple(line.replace(str(found), str(path)) for line in drawn.warnings),
    )


def is_made_by_camseg(sample: Sample, mask: Mask) -> bool:
    """Whether a pseudo-mask or a prediction of `sample` is this mask in every pixel."""
    by_people = (paths.GROUND_TRUTH, paths.CORRECTED)
    stores = [f for parent in (paths.MASKS, paths.PREDICTIONS) for f in sorted(parent.glob("*/"))]
    made = [store for store in stores if store not in by_people and has_mask(store, sample)]
    return any(np.array_equal(resize_mask(load_mask(store, sample), mask.shape), mask) for store in made)


def list_masks(folder: Path, _arguments: argparse.Namespace) -> int:
    """Print the names of the images that have a mask in `folder`, and how many there are."""
    names = stored_names(folder)
    for name in names:
        print(name)
    print(f"{len(names)} mask(s) in {folder}", file=sys.stderr)
    return 0


def remove_masks(folder: Path, arguments: argparse.Namespace) -> int:
    """Delete the masks of all names; none, if one of the names is unknown."""
    names, stored = dict.fromkeys(arguments.names), stored_names(folder)
    unknown = [name for name in names if name not in stored]
    if unknown:
        raise UserError(f"{folder}: expected names as `list` prints them, got {', '.join(unknown)}")
    remove_corrections(folder, names)
    print(f"{len(names)} mask(s) removed: {len(stored) - len(names)} in {folder}")
    return 0


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """`path`, if it is a folder or a JSON file; for a zip, and an export for CVAT, the unpacked folder."""
    file = path / CVAT_ZIP if path.is_dir() else path
    if (path.is_dir() and not file.is_file()) or (file.suffix.lower() == ".json" and file.is_file()):
        yield path
    elif file.suffix.lower() == ".zip" and file.is_file():
        with TemporaryDirectory() as folder:
            unpack_zip(file, Path(folder))
            yield Path(folder)
    else:
        raise UserError(f"{path}: expected a folder, a .zip or a .json, got neither. Check the path")
