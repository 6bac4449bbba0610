"""Reads and inspects the folder that `camseg check` and `camseg use` are given."""

import argparse
import sys
from pathlib import Path
from typing import get_args

from pipeline.base.parallel import worker_count
from pipeline.commands.memory import memory_warning
from pipeline.commands.params_file import preset_file, read_preset, shipped_presets, with_values
from pipeline.data.corrections.inspection import Corrections
from pipeline.data.inspection import Inspection, inspect_folder
from pipeline.data.sources.detect import detect_source
from pipeline.errors import UserError
from pipeline.params import Params, Source

OF_THE_FOLDER: dict[str, object] = {  # what says how one folder is read, and its value for other folders
    "data.classes": None,
    "data.rename": {},
    "data.separator": "auto",
    "data.background": True,
    "data.masks": "auto",
    "data.mask_key": None,
    "data.group_by": None,
}
LEFT_OUT = "null"  # the class of names that are left out, as in YAML


def add_data_options(parser: argparse.ArgumentParser) -> None:
    """Options that say how a folder is read."""
    parser.add_argument(
        "--source", choices=get_args(Source), help="the format of the folder (default: camseg finds it out)"
    )
    classes = "take these classes, in this order (default: all); the option may come several times"
    parser.add_argument("--classes", action="append", metavar="A,B,...", help=classes)
    rename = (
        "another name for a name in the data; background makes it no label, null leaves it out; "
        "the option may come several times"
    )
    parser.add_argument("--rename", action="append", metavar="NAME=CLASS", help=rename)
    separator = (
        "what stands between the labels of a cell of labels.csv; none: a cell is one label (default: `;`, or "
        "found out)"
    )
    parser.add_argument("--separator", metavar="TEXT", help=separator)
    parser.add_argument(
        "--no-background",
        action="store_true",
        help="every pixel belongs to a class, as in maps of land cover or tissue",
    )
    masks = "what the values of masks mean (default: camseg finds it out, and says it)"
    parser.add_argument("--masks", choices=("ids", "binary", "instances", "colours"), help=masks)
    mat_key = "array in masks of .mat, where several fit, as truth.Segmentation or truth{2}.Segmentation"
    parser.add_argument("--mat-key", metavar="NAME", help=mat_key)
    group_by = (
        "regular expression on the names of images; its first (...) is the group (a patient, a slide, a cut "
        "photo), which a drawn split keeps together"
    )
    parser.add_argument("--group-by", metavar="REGEX", help=group_by)
    preset = (
        f"values that replace those of camseg: {', '.join(shipped_presets())}, or a YAML file with some "
        "of the keys of params.yaml"
    )
    parser.add_argument("--preset", metavar="NAME", help=preset)


def params_for_folder(arguments: argparse.Namespace, params: Params) -> tuple[Params, dict[str, object]]:
    """The params that the folder is examined with, and the values of `--preset`.

    Values of `OF_THE_FOLDER` belong to the folder of data.path alone. A preset replaces them, and options go
    before both.
    """
    preset = read_preset(preset_file(arguments.preset), params) if arguments.preset else {}
    values: dict[str, object] = {}
    if not is_current(arguments.path, params):
        values |= OF_THE_FOLDER
    values |= {key: value for key, value in preset.items() if key.startswith("data.")}
    options = {
        "separator": arguments.separator,
        "masks": arguments.masks,
        "mask_key": arguments.mat_key,
        "group_by": arguments.group_by,
    }
    values |= {f"data.{key}": value for key, value in options.items() if value is not None}
    if arguments.no_background:
        values["data.background"] = False
    if arguments.classes:
        names = [name.strip() for text in arguments.classes for name in text.split(",")]
        values["data.classes"] = [name for name in names if name]
    chosen = with_values(params, values)
    if arguments.rename:
        renamed = chosen.data.rename | dict(map(_renaming, arguments.rename))
        chosen = with_values(chosen, {"data.rename": renamed})
    return chosen, preset


def inspect_source(path: Path, params: Params, source: Source | None) -> tuple[Source, Inspection]:
    """The format of the folder, and the inspection that `prepare` would make.

    The format is `source`, else that in params.yaml if params.yaml names the folder, else the detected one.
    Warns before the memory runs out.
    """
    data = params.data
    if source is None:
        current = is_current(path, params)
        source = data.source if current and data.source != "scenes" else detect_source(path)
    if warning := memory_warning(path, worker_count(), data.max_megapixels):
        print(f"warning: {warning}", file=sys.stderr)
    return source, inspect_folder(source, path, data, params.seed)


def _renaming(text: str) -> tuple[str, str | None]:
    name, equals, target = (part.strip() for part in text.partition("="))
    if not (name and equals and target):
        raise UserError(f"--rename: expected NAME=CLASS, got {text!r}")
    return name, None if target == LEFT_OUT else target


def is_current(path: Path, params: Params) -> bool:
    """Whether params.yaml names the folder `path`."""
    return path.resolve() == Path(params.data.path).resolve()


def problem_lines(inspection: Inspection | Corrections) -> list[str]:
    """Errors, then warnings, one line each."""
    errors = [f"error: {line}" for line in inspection.errors]
    return errors + [f"warning: {line}" for line in inspection.warnings]
