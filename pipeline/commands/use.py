"""`camseg use`: fits params.yaml to a folder: data, working size, training length, encoder, quality."""

import argparse
import sys
from collections.abc import Mapping, Set
from itertools import chain
from pathlib import Path
from typing import Any, cast, get_args

from pipeline.commands.encoder_choice import (
    DEPTHS,
    NAMED_WEIGHTS,
    choose_encoder,
    fitting_depths,
    segmentation_start,
)
from pipeline.commands.folder import (
    OF_THE_FOLDER,
    add_data_options,
    inspect_source,
    params_for_folder,
    problem_lines,
)
from pipeline.commands.overview import fitting_long_side
from pipeline.commands.params_file import update_params
from pipeline.commands.parser import add_command
from pipeline.commands.replaced_data import confirm_other_data
from pipeline.commands.understood import understood
from pipeline.data.manifest import Manifest
from pipeline.engine.licences import licence_advice, weights_licence
from pipeline.params import (
    FULL,
    ObjectSize,
    Params,
    TrainingParams,
    default_method,
    load_params,
    round_name,
)

# The shipped params.yaml is for the rendered scenes: large objects of few colours, networks without weights.
# Other images need these values, which were found on images of VOC (docs/results.md).
SCALES = [1.0, 1.5]  # of heatmaps
CLASSIFIER_PASSES = 7  # over the training images
FEWEST_STEPS = 400
IMAGE_VALUES: dict[str, object] = {
    "heatmaps.objects": "auto",
    "heatmaps.scales": SCALES,
    "heatmaps.walk.scale": 1.5,
    "heatmaps.walk.cells": 1200,
    "pseudo_masks.crf.bilateral_sxy": 0.13,  # 67 pixels of VOC's 500, as in DeepLab, arXiv:1606.00915
    "segmentation.architecture": "FPN",
    "segmentation.decoder": {"pyramid_channels": 128, "segmentation_channels": 64},  # half of FPN's default
    "segmentation.training.crop": 0.7,
}
LR = 2e-3  # of networks with random weights
PRETRAINED_LR = 1e-3  # of new layers; pretrained layers learn at a tenth of it
SEGMENTATION_PASSES = {"fast": 6, "balanced": 8, "best": 8}  # over the training images
ROUNDS = {"fast": 0, "balanced": 2, "best": 2}  # self-training rounds
QUALITY, WEIGHTS = "balanced", "pretrained"  # defaults
TEST_SCALES = {"fast": [1.0], "balanced": [1.0], "best": [1.0, 0.75, 1.25]}
NO_COMPILER = ("none", "par")  # refiners that stay: the others may need one

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
    params_file = Path("params.yaml")
    current = load_params(params_file)
    confirm_other_data(arguments.path, current, force=arguments.force)
    params, preset = params_for_folder(arguments, current)
    named = arguments.encoder or preset.get("classifier.encoder")
    encoder = choose_encoder(arguments.weights, str(named) if named else None, params)
    source, inspection = inspect_source(arguments.path, params, arguments.source)
    manifest = inspection.manifest
    for line in problem_lines(inspection):
        print(line, file=sys.stderr)
    if manifest is None:
        print(f"camseg: params.yaml is unchanged: {len(inspection.errors)} error(s)", file=sys.stderr)
        return 2
    objects = arguments.objects or preset.get("heatmaps.objects", "auto")
    print(understood(manifest, inspection, cast(ObjectSize, objects)))
    chosen = {key: getattr(params.data, key.removeprefix("data.")) for key in OF_THE_FOLDER}
    chosen["data.classes"] = list(manifest.classes)  # so that the ids in masks never shift
    values: dict[str, object] = {
        "data.source": source,
        "data.path": portable(arguments.path),
        **chosen,
        **values_for_data(manifest, params, arguments.quality, arguments.weights),
        "classifier.encoder": encoder,
        "heatmaps.depths": fitting_depths(encoder),
        **quality_values(arguments.quality, params, preset),
    }
    start = segmentation_start(encoder, arguments.weights, params)
    values |= start
    if arguments.encoder:
        chosen |= {"classifier.encoder": encoder, "segmentation.encoder": encoder, **start}
    if arguments.objects:
        chosen["heatmaps.objects"] = arguments.objects
    values = values | preset | chosen  # options go before a preset; of the data, it has already had its say
    changes = update_params(params_file, values)
    for key, (old, new) in changes.items():
        print(f"{key}: {old} -> {new}")
    print("params.yaml: changed" if changes else "params.yaml: nothing to change")
    starts = [(encoder, str(values["classifier.weights"])), *params.heatmaps.walk.encoders()]
    if start.get("segmentation.weights") == WEIGHTS:
        starts.append((str(start["segmentation.encoder"]), WEIGHTS))
    for name, weights in starts:
        print(f"licence of the weights of {name}: {licence_advice(weights_licence(name, weights))}")
    say_what_is_missing(manifest, {weights for _, weights in starts})
    return 0


def say_what_is_missing(manifest: Manifest, weights: Set[str]) -> None:
    """Print that there are no masks, or no network for the weights that params.yaml asks for."""
    from pipeline.engine.weights import missing_network  # here, since it loads torch

    if WEIGHTS in weights and (reason := missing_network()):
        print(f"warning: {reason}", file=sys.stderr)
    if not any(sample.mask for sample in manifest.samples):
        print("There are no ground-truth masks, so masks will have no scores, and `full` is skipped.")


def values_for_data(
    manifest: Manifest, params: Params, quality: str = QUALITY, weights: str = WEIGHTS
) -> dict[str, object]:
    """The values for images of this size and number, with any encoder; `quality_values` adds the others."""
    lr, long_side = LR if weights == "none" else PRETRAINED_LR, fitting_long_side(manifest)
    refine = params.pseudo_masks.refine
    return {
        "data.long_side": long_side,
        "data.max_side": max(params.data.max_side, largest_side(long_side, params)),
        "classifier.weights": weights if weights in NAMED_WEIGHTS else portable(Path(weights)),
        **IMAGE_VALUES,
        "classifier.training.crop": 0.7 if params.data.tiles == 1 else 1.0,  # a bag is all of an image
        "pseudo_masks.refine": refine if refine in NO_COMPILER else "auto",
        "heatmaps.depths": DEPTHS,
        "classifier.training.steps": fitting_steps(manifest, params.classifier.training, CLASSIFIER_PASSES),
        "segmentation.training.steps": fitting_steps(
            manifest, params.segmentation.training, SEGMENTATION_PASSES[quality]
        ),
        "classifier.training.lr": lr,
        "segmentation.training.lr": lr,
    }


def largest_side(long_side: int, params: Params) -> int:
    """The long side in pixels of the largest images that the networks see with the values of camseg."""
    kept = (params.self_training.scales, params.classifier.training.scale, params.segmentation.training.scale)
    return round(params.data.tiles * long_side * max(chain(SCALES, *TEST_SCALES.values(), *kept)))


def quality_values(quality: str, params: Params, preset: Mapping[str, object]) -> dict[str, object]:
    """The values of a quality, except for the length of the training."""
    lead = default_method(params.heatmaps.methods, params.segmentation.supervision)
    methods = preset.get("heatmaps.methods")
    if isinstance(methods, list) and methods and lead not in methods:
        lead = methods[0]
    refine = params.pseudo_masks.refine
    models = [round_name(lead, number) for number in range(ROUNDS[quality] + 1)]
    return {
        "segmentation.supervision": [*reversed(models), FULL],
        "self_training.rounds": dict(zip(models[1:], models[:-1], strict=True)),
        "evaluation.scales": TEST_SCALES[quality],
        "evaluation.refine": "none" if quality != "best" else refine if refine in NO_COMPILER else "crf",
    }


def fitting_steps(manifest: Manifest, training: TrainingParams, passes: int) -> int:
    """The steps of `passes` over the training images, at least `FEWEST_STEPS`."""
    images = len(manifest.split("train"))
    return max(FEWEST_STEPS, round(passes * images / training.batch_size))


def portable(path: Path) -> str:
    """`path` relative to the project if it lies inside, else absolute; links are not followed."""
    absolute = path.absolute()
    if ".." in absolute.parts:
        absolute = absolute.resolve()
    in_project = absolute.is_relative_to(Path.cwd())
    return (absolute.relative_to(Path.cwd()) if in_project else absolute).as_posix()
