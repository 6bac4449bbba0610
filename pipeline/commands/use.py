"""`camseg use`: fits params.yaml to a folder: data, working size, training length, encoder, quality."""

import argparse
import sys
from pathlib import Path
from typing import Any, cast, get_args

from pipeline.commands.encoder_choice import choose_encoder
from pipeline.commands.fitted_values import QUALITY, SEGMENTATION_PASSES, WEIGHTS, chosen_values
from pipeline.commands.folder import add_data_options, inspect_source, params_for_folder, problem_lines
from pipeline.commands.params_file import PARAMS_FILE, update_params
from pipeline.commands.parser import add_command
from pipeline.commands.replaced_data import confirm_other_data
from pipeline.commands.understood import understood
from pipeline.engine.licences import licence_advice, weights_licence
from pipeline.params import ObjectSize, Params, load_params

EXAMPLES = """
If the folder has errors, params.yaml stays as it is. Comments are kept.

examples:
  camseg use data/raw
  camseg use ../images --weights ../weights/mobilenet_v2.safetensors
  camseg use ../images --weights none --encoder mobilenet_v2
  camseg use ../images --quality best
  camseg use ../cracks --objects small
  camseg use ../lvis --classes cat,dog,"teddy bear"
  camseg use data/voc/VOCdevkit/VOC2012 --encoder resnet50 --preset voc2012
"""


def add_parser(commands: Any) -> None:
    parser = add_command(
        commands,
        "use",
        run,
        "check a folder of images and labels, and set up params.yaml for it",
        EXAMPLES,
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="the folder, see `camseg check --help`")
    add_use_options(parser)


def add_use_options(parser: argparse.ArgumentParser) -> None:
    """The options that `camseg use` and `camseg init --data` have."""
    weights = "pretrained (downloaded, the default), none, or the path of a .safetensors or .pth file"
    parser.add_argument("--weights", default=WEIGHTS, metavar="W", help=weights)
    encoder = (
        "encoder of both networks (default: the one in params.yaml, or one that fits the weights); beside a "
        "plain transformer, segmentation models keep a hierarchical encoder"
    )
    parser.add_argument("--encoder", metavar="NAME", help=encoder)
    parser.add_argument(
        "--quality",
        choices=list(SEGMENTATION_PASSES),
        default=QUALITY,
        help="fast: one model, trained on the pseudo-masks; balanced (the default): two self-training rounds "
        "follow, each with new masks by the last model and a new model; best: also several scales and the "
        "CRF whenever a model predicts",
    )
    objects = "small: lines and spots of a few pixels; large: all others; auto: found out after training"
    parser.add_argument("--objects", choices=get_args(ObjectSize), metavar="SIZE", help=objects)
    force = "take other data in a project that has models or corrected masks, without asking"
    parser.add_argument("--force", action="store_true", help=force)
    add_data_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Do what `use_folder` does, and say what comes next."""
    status = use_folder(arguments)
    if not status:
        print("now run: camseg run")
    return status


def use_folder(arguments: argparse.Namespace) -> int:
    """Check the folder and change params.yaml; 2, and params.yaml is unchanged, if there are errors."""
    current = load_params(PARAMS_FILE)
    confirm_other_data(arguments.path, current, force=arguments.force)
    params, preset = params_for_folder(arguments, current)
    named = arguments.encoder or preset.get("classifier.encoder")
    encoder = choose_encoder(arguments.weights, str(named) if named else None, params)
    source, inspection = inspect_source(arguments.path, params, arguments.source)
    for line in problem_lines(inspection):
        print(line, file=sys.stderr)
    if inspection.manifest is None:
        print(f"camseg: params.yaml is unchanged: {len(inspection.errors)} error(s)", file=sys.stderr)
        return 2
    objects = arguments.objects or preset.get("heatmaps.objects", "auto")
    print(understood(inspection.manifest, inspection, cast(ObjectSize, objects)))
    values = chosen_values(arguments, params, preset, encoder, source, inspection.manifest)
    changes = update_params(PARAMS_FILE, values)
    for key, (old, new) in changes.items():
        print(f"{key}: {old} -> {new}")
    print("params.yaml: changed" if changes else "params.yaml: nothing to change")
    say_where_networks_start(load_params(PARAMS_FILE))
    if not any(sample.mask for sample in inspection.manifest.samples):
        print("There are no ground-truth masks, so masks will have no scores, and `full` is skipped.")
    return 0


def say_where_networks_start(params: Params) -> None:
    """Print the licences of the weights, and that there is no network to download them."""
    from pipeline.engine.weights import missing_network  # here, since it loads torch

    starts = [(params.classifier.encoder, params.classifier.weights), *params.heatmaps.walk.encoders()]
    if params.segmentation.weights == WEIGHTS:
        starts.append((params.segmentation.encoder, WEIGHTS))
    for name, weights in starts:
        print(f"licence of the weights of {name}: {licence_advice(weights_licence(name, weights))}")
    if WEIGHTS in (params.classifier.weights, params.segmentation.weights) and (reason := missing_network()):
        print(f"warning: {reason}", file=sys.stderr)
