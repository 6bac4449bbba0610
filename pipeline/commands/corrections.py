"""`camseg corrections`: masks that somebody corrected come back, and train from then on."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

from pipeline.commands.prepared import read_prepared
from pipeline.data.corrections.archive import unpack
from pipeline.data.corrections.inspection import inspect_corrections
from pipeline.data.corrections.read import CVAT_ZIP, Format, find_format, read_corrections
from pipeline.data.corrections.store import remove, store, stored_classes, stored_names
from pipeline.params import load_params
from pipeline.stages import paths

EXAMPLES = """
PATH is a folder, a zip or a JSON file: what `camseg export` writes, or what the annotation tool hands back
(docs/data.md). Every mask in it counts as corrected. They are kept in data/corrections.

examples:
  camseg export cvat to-correct
  camseg corrections add task_1_segmentation_mask.zip
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
    add = actions.add_parser("add", help="check masks and keep them; again: replace them")
    add.add_argument("path", type=Path, metavar="PATH", help="a folder, a .zip or a .json")
    add.add_argument("--format", choices=get_args(Format), help="what PATH is (default: found out)")
    add.set_defaults(run=add_masks)
    shown = actions.add_parser("list", help="name the images with a corrected mask")
    shown.set_defaults(run=list_masks)
    removed = actions.add_parser("remove", help="forget corrected masks")
    removed.add_argument("names", nargs="+", metavar="NAME", help="as `camseg corrections list` names them")
    removed.set_defaults(run=remove_masks)


def add_masks(arguments: argparse.Namespace) -> int:
    """Check and keep all masks of PATH; 2, and nothing is written, if there are errors."""
    params, manifest = load_params(), read_prepared()
    order = stored_classes(paths.CORRECTIONS, manifest.classes)
    with opened(arguments.path) as path:
        reading = read_corrections(path, arguments.format or find_format(path), manifest.classes)
        found = inspect_corrections(reading, manifest, order, params.data.max_megapixels)
        lines = [f"error: {line}" for line in found.errors] + [f"warning: {line}" for line in found.warnings]
        for line in lines:
            print(line.replace(str(path), str(arguments.path)), file=sys.stderr)
    if not reading.rows and not found.errors:
        raise ValueError(f"{arguments.path}: expected masks, got none. Check the path, or name its --format")
    if found.errors:
        print(f"camseg: no mask was added: {len(found.errors)} error(s)", file=sys.stderr)
        return 2
    new = set(found.masks) - set(stored_names(paths.CORRECTIONS))
    store(paths.CORRECTIONS, found.masks, order)
    count = len(stored_names(paths.CORRECTIONS))
    print(f"{len(new)} mask(s) added, {len(found.masks) - len(new)} replaced: {count} in {paths.CORRECTIONS}")
    print("now run: make repro")
    return 0


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
    unknown = [name for name in names if name not in stored_names(paths.CORRECTIONS)]
    if unknown:
        raise ValueError(
            f"{paths.CORRECTIONS}: expected names of `camseg corrections list`, got {', '.join(unknown)}"
        )
    remove(paths.CORRECTIONS, names)
    print(f"{len(names)} mask(s) removed: {len(stored_names(paths.CORRECTIONS))} in {paths.CORRECTIONS}")
    return 0


@contextmanager
def opened(path: Path) -> Iterator[Path]:
    """The folder or JSON file that `path` stands for; of a zip, or of what is exported for CVAT, unpacked.

    Raises:
        ValueError: there is none, or the zip is refused, see `unpack`.
    """
    file = path / CVAT_ZIP if path.is_dir() else path
    if (path.is_dir() and not file.is_file()) or (file.suffix.lower() == ".json" and file.is_file()):
        yield path
    elif file.suffix.lower() == ".zip" and file.is_file():
        with TemporaryDirectory() as folder:
            unpack(file, Path(folder))
            yield Path(folder)
    else:
        raise ValueError(f"{path}: expected a folder, a .zip or a .json, got neither. Check the path")
