"""The values of params.yaml that fit a folder: its images, the weights, the quality, the options given."""

import argparse
from collections.abc import Mapping
from itertools import chain
from pathlib import Path

from pipeline.commands.encoder_choice import DEPTHS, NAMED_WEIGHTS, fitting_depths, segmentation_start
from pipeline.commands.folder import OF_THE_FOLDER
from pipeline.commands.overview import fitting_long_side
from pipeline.data.manifest import Manifest
from pipeline.params import FULL, Params, Source, TrainingParams, default_method, round_name

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


def chosen_values(
    arguments: argparse.Namespace,
    params: Params,
    preset: Mapping[str, object],
    encoder: str,
    source: Source,
    manifest: Manifest,
) -> dict[str, object]:
    """The new values by `section.key`: those that fit the data, then the preset's, then those of options."""
    start = segmentation_start(encoder, arguments.weights, params)
    of_folder = {key: getattr(params.data, key.removeprefix("data.")) for key in OF_THE_FOLDER}
    of_folder["data.classes"] = list(manifest.classes)  # so that the ids in masks never shift
    given: dict[str, object] = {}
    if arguments.encoder:
        given = {"classifier.encoder": encoder, "segmentation.encoder": encoder, **start}
    if arguments.objects:
        given["heatmaps.objects"] = arguments.objects
    return {
        "data.source": source,
        "data.path": portable(arguments.path),
        **values_for_data(manifest, params, arguments.quality, arguments.weights),
        "classifier.encoder": encoder,
        **start,
        "heatmaps.depths": fitting_depths(encoder),
        **quality_values(arguments.quality, params, preset),
        **preset,
        **of_folder,  # the preset has already had its say of the data
        **given,
    }


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
