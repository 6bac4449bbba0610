"""`camseg corrections`: masks that somebody corrected come back, and train from then on."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from pipeline import paths
from pipeline.commands.prepared import read_prepared
from pipeline.data.corrections.archive import unpack_zip
from pipeline.data.corrections.inspection import Corrections, inspect_corrections
from pipeline.data.corrections.read import CVAT_ZIP, Format, find_format, read_corrections
from pipeline.data.corrections.store import (
    remove_corrections,
    store_corrections,
    stored_classes,
    stored_names,
)
from pipeline.data.manifest import Manifest
from pipeline.errors import UserError
from pipeline.params import load_params

EXAMPLES = """
PATH is a folder, a zip or a JSON file: what `camseg export` writes, or what the annotation tool hands back
(docs/data.md). Every mask in it counts as corrected, but for those that --exported leaves out. They are kept
in data/corrections.

examples:
  camseg export cvat to-correct
  camseg corrections add task_1.zip --exported to-correct
  camseg corrections add project-1.json --format labelstudio
  camseg corrections list
  camseg corrections remove photo-07
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "corrections",
        help="take corrected masks back: the models are then trained on them",
        description="Masks that were corrected by hand. They take the place of the pseudo-masks.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    add = actions.add_parser(
        "add",
        help="check masks and keep them; again: replace them",
        description="Check corrected masks and keep them. If one of them is wrong, none is kept.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add.add_argument("path", type=Path, metavar="PATH", help="a folder, a .zip or a .json")
    add.add_argument("--format", choices=get_args(Format), help="what PATH is (default: found out)")
    add.add_argument(
        "--exported",
        type=Path,
        metavar="OUT",
        help="what `camseg export` wrote: masks that are still the same pixel for pixel are left out",
    )
    add.set_defaults(run=add_masks)
    shown = actions.add_parser("list", help="name the images with a corrected mask")
    shown.set_defaults(run=list_masks)
    removed = actions.add_parser("remove", help="forget corrected masks")
    removed.add_argument("names", nargs="+", metavar="NAME", help="as `camseg corrections list` names them")
    removed.set_defaults(run=remove_masks)
    for action in (add, shown, removed):  # as behind `camseg corrections`
        action.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def add_masks(arguments: argparse.Namespace) -> int:
    """Check and keep the masks of PATH; 2, and nothing is written, if there are errors.

    Raises:
        ValueError: PATH holds no masks, or none that differ from those that were exported.
    """
    params, manifest = load_params(), read_prepared()
    order = stored_classes(paths.CORRECTIONS, manifest.classes)
    read = partial(
        read_corrected_masks, manifest=manifest, order=order, max_megapixels=params.data.max_megapixels
    )
    found = read(arguments.path, arguments.format)
    for line in [f"error: {e}" for e in found.errors] + [f"warning: {w}" for w in found.warnings]:
        print(line, file=sys.stderr)
    if found.errors:
        print(f"camseg: no mask was added: {len(found.errors)} error(s)", file=sys.stderr)
        return 2
    exported = read(arguments.exported, None).masks if arguments.exported else {}
    masks = {name: mask for name, mask in found.masks.items() if mask != exported.get(name)}
    if not masks:
        raise UserError(f"{arguments.path}: expected masks that differ from {arguments.exported}, got none")
    new = set(masks) - set(stored_names(paths.CORRECTIONS))
    store_corrections(paths.CORRECTIONS, masks, order)
    same = f", {len(found.masks) - len(masks)} as they were exported left out" if arguments.exported else ""
    count = len(stored_names(paths.CORRECTIONS))
    print(f"{len(new)} mask(s) added, {len(masks) - len(new)} replaced{same}: {count} in {paths.CORRECTIONS}")
    print("now run: make repro")
    return 0


def read_corrected_masks(
    path: Path, format: Format | None, manifest: Manifest, order: Sequence[str], max_megapixels: float
) -> Corrections:
    """The masks of `path` and what is wrong with them; files of a zip are named as below it.

    Raises:
        ValueError: there are no masks.
    """
    with opened(path) as place:
        parsed = read_corrections(place, format or find_format(place), manifest.classes)
        found = inspect_corrections(parsed, manifest, order, max_megapixels)
    if not parsed.records and not found.errors:
        raise UserError(f"{path}: expected masks, got none. Check the path, or name its --format")
    errors = tuple(line.replace(str(place), str(path)) for line in found.errors)
    return replace(
        found, errors=errors, warnings=tuple(w.replace(str(place), str(path)) for w in found.warnings)
    )


def list_masks(_arguments: argparse.Namespace) -> int:
    """Print the names, and how many there are."""
    names = stored_names(paths.CORRECTIONS)
    for name in names:
        print(name)
    print(f"{len(names)} corrected mask(s) in {paths.CORRECTIONS}", file=sys.stderr)
    return 0


def remove_masks(arguments: argparse.Namespace) -> int:
    """Delete the masks of all names.

    Raises:
        ValueError: there is none of some name; then nothing is deleted.
    """
    names = dict.fromkeys(arguments.names)
    known = set(stored_names(paths.CORRECTIONS))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UserError(
            f"{paths.CORRECTIONS}: expected names of `camseg corrections list`, got {', '.join(unknown)}"
        )
    remove_corrections(paths.CORRECTIONS, names)
    print(f"{len(names)} mask(s) removed: {len(stored_names(paths.CORRECTIONS))} in {paths.CORRECTIONS}")
    return 0


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The folder or JSON file that `path` stands for; of a zip, or of what is exported for CVAT, unpacked.

    Raises:
        ValueError: there is none, or the zip is refused, see `unpack_zip`.
    """
    file = path / CVAT_ZIP if path.is_dir() else path
    if (path.is_dir() and not file.is_file()) or (file.suffix.lower() == ".json" and file.is_file()):
        yield path
    elif file.suffix.lower() == ".zip" and file.is_file():
        with TemporaryDirectory() as folder:
            unpack_zip(file, Path(folder))
            yield Path(folder)
    else:
        raise UserError(f"{path}: expected a folder, a .zip or a .json, got neither. Check the path")
