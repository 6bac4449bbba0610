"""`camseg ground-truth`: adds masks that score the run and train nothing, and draws the images to mask."""

import argparse
import sys
from collections.abc import Container, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, get_args

import numpy as np

from pipeline import paths
from pipeline.base.problems import listed
from pipeline.commands.drawn_masks import (
    add_list_and_remove,
    add_path_options,
    counted,
    is_made_by_camseg,
    keep_masks,
    read_drawn_masks,
)
from pipeline.commands.outputs import new_folder
from pipeline.commands.parser import add_command
from pipeline.data.corrections.read import Format
from pipeline.data.corrections.store import stored_classes, stored_names
from pipeline.data.images import IGNORE, Mask, mask_png
from pipeline.data.manifest import Manifest, Sample, Split, read_manifest
from pipeline.data.mask_store import has_mask, write_masks
from pipeline.errors import UserError
from pipeline.params import Params, load_params
from pipeline.workflows.confidence import MaskConfidence

EXAMPLES = """
How good are the masks? Draw the true masks of some images, drawn at random, and add them. They only score:
no model learns from them, `full` neither. camseg then tells the mIoU with its standard error, and how far the
area of each class is from the true one.

`suggest` names images at random, of the split that measures models; --split train: of those whose
pseudo-masks models learn from. With --out it writes them for an annotation tool, without masks: who starts
from the masks of camseg agrees with them too easily. Draw all of them, also where it is difficult: a choice
of images makes the score wrong. A second `suggest` names the next ones.

`add` reads what `camseg corrections add` reads, of images of all splits. It leaves out and names masks that
equal those of camseg in every pixel, and empty masks of images with labels: nobody drew them. --all takes
them.

examples:
  camseg ground-truth suggest 30 --out to-draw
  camseg ground-truth add project-1.json
  camseg ground-truth suggest 20 --split train --format cvat --out to-draw-2
  camseg ground-truth list
  camseg ground-truth remove image-07
"""
TOOLS: tuple[Format, ...] = ("labelstudio", "cvat", "coco", "voc")  # formats with the images


def add_parser(commands: Any) -> None:
    parser = add_command(
        commands, "ground-truth", None, "measure a run with masks that train nothing", EXAMPLES
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    add = add_command(actions, "add", add_ground_truth, "check masks and keep them for scoring", EXAMPLES)
    add_path_options(add)
    add.add_argument("--all", action="store_true", help="take masks that nobody seems to have drawn too")
    suggest = add_command(actions, "suggest", suggest_images, "draw images to mask at random", EXAMPLES)
    suggest.add_argument("count", type=int, metavar="N", help="how many images")
    suggest.add_argument(
        "--split", choices=get_args(Split), help="of these images (default: evaluation.split of params.yaml)"
    )
    suggest.add_argument("--out", type=Path, metavar="OUT", help="a new folder for the annotation tool")
    suggest.add_argument("--format", choices=TOOLS, default=TOOLS[0], help=f"of OUT (default: {TOOLS[0]})")
    add_list_and_remove(actions, paths.ADDED_GROUND_TRUTH, "masks that score")


def add_ground_truth(arguments: argparse.Namespace) -> int:
    """Check and keep the masks of PATH, and print what they say; 2, and nothing is written, after errors."""
    from pipeline.report.added_scores import added_lines  # here, since they take time to load
    from pipeline.workflows.added_ground_truth import score_added

    params, manifest, folder = load_params(), read_manifest(paths.PREPARED), paths.ADDED_GROUND_TRUTH
    order = stored_classes(folder, manifest.classes)
    unchanged = None if arguments.all else is_undrawn
    drawn = read_drawn_masks(
        arguments.path, arguments.format, order, manifest, params, unchanged, scoring=True
    )
    counts = keep_masks(folder, drawn, order, arguments.path)
    if counts is None:
        return 2
    print(counted(folder, counts))
    if drawn.unchanged:
        print(f"left out, since nobody drew in them (--all takes them): {listed(drawn.unchanged)}")
    for why, names in unscored(manifest, params, drawn.masks).items():
        print(f"not scored, {why}: {listed(names)}", file=sys.stderr)
    print(added_lines(score_added(manifest, params)) or "now run: camseg run")
    return 0


def is_undrawn(sample: Sample, mask: Mask) -> bool:
    """Whether a mask is as camseg made it, or empty although the image has labels.

    An empty mask of an image without labels is the truth, whoever made it.
    """
    empty = not ((mask > 0) & (mask < IGNORE)).any()
    return bool(sample.labels) if empty else is_made_by_camseg(sample, mask)


def unscored(manifest: Manifest, params: Params, names: Container[str]) -> dict[str, list[str]]:
    """Those of `names` that do not score, by the reason."""
    from pipeline.workflows.added_ground_truth import scored_folders  # here, since it takes time to load

    folders, reasons = scored_folders(params), dict[str, list[str]]()
    for sample in (sample for sample in manifest.samples if sample.name in names):
        folder = folders.get(sample.split)
        if has_mask(paths.CORRECTED, sample):
            reasons.setdefault("since their corrected masks train", []).append(sample.name)
        elif folder is None or not has_mask(folder, sample):
            reasons.setdefault("since camseg has no mask of them", []).append(sample.name)
    return reasons


def suggest_images(arguments: argparse.Namespace) -> int:
    """Print the next images to draw, or write them for an annotation tool."""
    params, manifest = load_params(), read_manifest(paths.PREPARED)
    split = arguments.split or params.evaluation.split
    samples = next_samples(manifest, split, params.seed)[: max(0, arguments.count)]
    if not samples:
        raise UserError(f"suggest: expected images of {split} without a mask that scores, got none")
    if len(samples) < arguments.count:
        print(f"only {len(samples)} images of {split} have no mask that scores", file=sys.stderr)
    if arguments.out is None:
        print(*(sample.name for sample in samples), sep="\n")
        return 0
    write_blank(samples, manifest, arguments.format, arguments.out)
    print(f"{len(samples)} image(s) of {split} written to {arguments.out}, without masks; draw all of them")
    print("then run: camseg ground-truth add PATH")
    return 0


def next_samples(manifest: Manifest, split: Split, seed: int) -> list[Sample]:
    """The images of a split that no mask scores yet, in a random order that stays."""
    from pipeline.workflows.added_ground_truth import drawn_order  # here, since it takes time to load

    added = set(stored_names(paths.ADDED_GROUND_TRUTH)) if paths.ADDED_GROUND_TRUTH.is_dir() else set()
    images = [s for s in manifest.split(split) if not s.score and s.name not in added]
    return drawn_order([s for s in images if not has_mask(paths.CORRECTED, s)], seed)


def write_blank(samples: Sequence[Sample], manifest: Manifest, format: Format, out: Path) -> None:
    """Write `samples` to `out` for an annotation tool, in their order, with masks that show nothing."""
    from pipeline.commands.export_masks import export_items, write_format  # here, since they load torch

    blank = {sample.name: mask_png(np.zeros((sample.height, sample.width), np.uint8)) for sample in samples}
    unsure = [MaskConfidence(0.0, corrected=False)] * len(samples)
    with new_folder(out) as folder, TemporaryDirectory() as scratch:
        write_masks(Path(scratch), blank)
        items = export_items(manifest, Path(scratch), samples, unsure)
        write_format(format, items, manifest.classes, folder, "nothing")
