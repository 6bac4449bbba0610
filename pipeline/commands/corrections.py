"""`camseg corrections`: adds, lists and removes masks that a person corrected; models then train on them."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.commands.drawn_masks import (
    add_list_and_remove,
    add_path_options,
    counted,
    is_made_by_camseg,
    keep_masks,
    read_drawn_masks,
)
from pipeline.commands.parser import add_command
from pipeline.data.corrections.inspection import Unchanged
from pipeline.data.corrections.store import stored_classes
from pipeline.data.images import Mask, mask_png
from pipeline.data.manifest import Manifest, Sample, read_manifest
from pipeline.params import Params, load_params

EXAMPLES = """
PATH is a folder, a zip or a JSON file: what `camseg export` wrote, or what an annotation tool returned
(docs/data.md). camseg leaves out the masks that equal a mask of its own in every pixel: nobody drew in them.
--all takes them too, as masks that somebody looked at and found right. camseg keeps the masks in
data/corrections. They take the place of the pseudo-masks. If one of the masks is wrong, none is kept. A mask
that replaces an earlier one leaves it in data/corrections/.replaced.

examples:
  camseg export cvat to-correct
  camseg corrections add task_1.zip
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
    add_path_options(add)
    add.add_argument(
        "--exported",
        type=Path,
        metavar="OUT",
        help="an export of an earlier run: masks that equal it in every pixel are left out too",
    )
    add.add_argument("--all", action="store_true", help="take masks in which nobody drew too")
    add_list_and_remove(actions, paths.CORRECTIONS, "corrected masks")


def add_masks(arguments: argparse.Namespace) -> int:
    """Check and keep the masks of PATH; 2, and nothing is written, if there are errors."""
    params, manifest = load_params(), read_manifest(paths.PREPARED)
    order = stored_classes(paths.CORRECTIONS, manifest.classes)
    unchanged = None if arguments.all else find_unchanged(arguments.exported, manifest, params)
    drawn = read_drawn_masks(arguments.path, arguments.format, order, manifest, params, unchanged)
    counts = keep_masks(paths.CORRECTIONS, drawn, order, arguments.path)
    if counts is None:
        return 2
    print(counted(paths.CORRECTIONS, counts))
    if drawn.unchanged:
        print(f"left out, since nobody drew in them: {len(drawn.unchanged)} (--all takes them)")
    print("now run: camseg run")
    return 0


def find_unchanged(export: Path | None, manifest: Manifest, params: Params) -> Unchanged:
    """Whether a mask is as camseg made it, or as it stands in an export."""
    exported: Mapping[str, bytes] = {}
    if export:
        exported = read_drawn_masks(export, None, manifest.classes, manifest, params).masks

    def unchanged(sample: Sample, mask: Mask) -> bool:
        return is_made_by_camseg(sample, mask) or exported.get(sample.name) == mask_png(mask)

    return unchanged
