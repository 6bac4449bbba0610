"""`camseg corrections`: adds, lists and removes masks that a person corrected; models then train on them."""

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from pipeline import paths
from pipeline.commands.folder import problem_lines
from pipeline.commands.parser import add_command
from pipeline.data.corrections.archive import unpack_zip
from pipeline.data.corrections.inspection import Corrections, inspect_corrections
from pipeline.data.corrections.read import CVAT_ZIP, Format, find_format, read_corrections
from pipeline.data.corrections.store import (
    remove_corrections,
    store_corrections,
    stored_classes,
    stored_names,
)
from pipeline.data.manifest import Manifest, read_manifest
from pipeline.errors import UserError
from pipeline.params import load_params

EXAMPLES = """
PATH is a folder, a zip or a JSON file: what `camseg export` wrote, or what an annotation tool returned
(docs/data.md). camseg counts every mask in PATH as corrected, except for the masks that --exported leaves
out, and keeps the masks in data/corrections. They take the place of the pseudo-masks. If one of the masks is
wrong, none is kept.

examples:
  camseg export cvat to-correct
  camseg corrections add task_1.zip --exported to-correct
  camseg corrections add project-1.json --format labelstudio
  camseg corrections list
  camseg corrections remove image-07
"""


def add_parser(commands: Any) -> None:
    parser = add_command(
        commands,
        "corrections",
        None,
        "take corrected masks back: the models are then trained on them",
        EXAMPLES,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    add = add_command(
        actions, "add", add_masks, "check corrected masks and keep them; again: replace them", EXAMPLES
    )
    add.add_argument("path", type=Path, metavar="PATH", help="a folder, a .zip or a .json")
    add.add_argument(
        "--format", choices=get_args(Format), help="the format of PATH (default: camseg finds it out)"
    )
    add.add_argument(
        "--exported",
        type=Path,
        metavar="OUT",
        help="an export: masks that equal it in every pixel are left out",
    )
    add_command(actions, "list", list_masks, "name the images with a corrected mask")
    remove = add_command(actions, "remove", remove_masks, "delete corrected masks")
    remove.add_argument("names", nargs="+", metavar="NAME", help="as `camseg corrections list` names them")


def add_masks(arguments: argparse.Namespace) -> int:
    """Check and keep the masks of PATH; 2, and nothing is written, if there are errors."""
    params, manifest = load_params(), read_manifest(paths.PREPARED)
    order = stored_classes(paths.CORRECTIONS, manifest.classes)
    read = partial(
        read_corrected_masks, manifest=manifest, order=order, max_megapixels=params.data.max_megapixels
    )
    exported = read(arguments.exported, None).masks if arguments.exported else {}
    corrections = read(arguments.path, arguments.format, exported=exported)
    for line in problem_lines(corrections):
        print(line, file=sys.stderr)
    if corrections.errors:
        print(f"camseg: no mask was added: {len(corrections.errors)} error(s)", file=sys.stderr)
        return 2
    masks = {name: mask for name, mask in corrections.masks.items() if mask != exported.get(name)}
    if not masks:
        raise UserError(f"{arguments.path}: expected masks that differ from {arguments.exported}, got none")
    new = set(masks) - set(stored_names(paths.CORRECTIONS))
    store_corrections(paths.CORRECTIONS, masks, order)
    unchanged = len(corrections.masks) - len(masks)
    note = f", {unchanged} as they were exported left out" if arguments.exported else ""
    print(f"{len(new)} mask(s) added, {len(masks) - len(new)} replaced{note}: {_count()}")
    print("now run: camseg run")
    return 0


def read_corrected_masks(
    path: Path,
    format: Format | None,
    manifest: Manifest,
    order: Sequence[str],
    max_megapixels: float,
    exported: Mapping[str, bytes] = {},
) -> Corrections:
    """The masks of `path` and what is wrong with them; messages name a file of a zip below the zip."""
    with unpacked(path) as folder:
        parsed = read_corrections(folder, format or find_format(folder), manifest.classes)
        corrections = inspect_corrections(parsed, manifest, order, max_megapixels, exported=exported)
    if not parsed.records and not corrections.errors:
        raise UserError(f"{path}: expected masks, got none. Check the path, or name its --format")
    return replace(
        corrections,
        errors=tuple(line.replace(str(folder), str(path)) for line in corrections.errors),
        warnings=tuple(line.replace(str(folder), str(path)) for line in corrections.warnings),
    )


def list_masks(_arguments: argparse.Namespace) -> int:
    """Print the names of the corrected images, and how many there are."""
    for name in stored_names(paths.CORRECTIONS):
        print(name)
    print(_count("corrected mask(s) "), file=sys.stderr)
    return 0


def remove_masks(arguments: argparse.Namespace) -> int:
    """Delete the masks of all names; none, if one of the names is unknown."""
    names = dict.fromkeys(arguments.names)
    unknown = [name for name in names if name not in set(stored_names(paths.CORRECTIONS))]
    if unknown:
        raise UserError(
            f"{paths.CORRECTIONS}: expected names of `camseg corrections list`, got {', '.join(unknown)}"
        )
    remove_corrections(paths.CORRECTIONS, names)
    print(f"{len(names)} mask(s) removed: {_count()}")
    return 0


def _count(what: str = "") -> str:
    return f"{len(stored_names(paths.CORRECTIONS))} {what}in {paths.CORRECTIONS}"


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
