"""`camseg use`: point params.yaml at a folder of images and labels."""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipeline.commands.folder import add_source, inspect_for, is_current, problem_lines, source_of
from pipeline.commands.overview import fitting_long_side
from pipeline.commands.params_file import read_preset, update_params
from pipeline.data.manifest import Manifest
from pipeline.errors import UserError
from pipeline.params import FULL, ClassifierParams, Params, SegmentationParams, load_params, round_name
from pipeline.report.results import lead_method

# params.yaml as it comes is for the rendered scenes: large objects of few colours, no weights to start from.
# What images need instead, found on images of VOC (docs/results.md):
CLASSIFIER_PASSES = 7  # over the training images
FEWEST_STEPS = 400
PHOTO_VALUES: dict[str, object] = {
    "classifier.training.crop": 0.7,
    "heatmaps.scales": [1.0, 1.5],
    "heatmaps.walk.scale": 1.5,
    "heatmaps.walk.cells": 1200,
    "pseudo_masks.crf.bilateral_sxy": 0.13,  # 67 pixels of VOC's 500, as in DeepLab, arXiv:1606.00915
    "segmentation.architecture": "FPN",
    "segmentation.decoder": {"pyramid_channels": 128, "segmentation_channels": 64},  # half of its own
    "segmentation.training.crop": 0.7,
}
DEPTHS = 3  # of the encoder's, whose heat is added
LR = 2e-3  # of networks that start from nothing
PRETRAINED_LR = 1e-3  # of new layers; pretrained ones learn at a tenth of it
SEGMENTATION_PASSES = {"fast": 6, "balanced": 8, "best": 8}  # over the training images
ROUNDS = {"fast": 0, "balanced": 2, "best": 2}  # of self-training
QUALITY, WEIGHTS = "balanced", "imagenet"  # unless something else is asked for
TEST_SCALES = {"fast": [1.0], "balanced": [1.0], "best": [1.0, 0.75, 1.25]}

EXAMPLES = """
examples:
  camseg use data/raw
  camseg use ../photos --weights ../weights/mobilenet_v2.safetensors
  camseg use ../photos --weights none --encoder mobilenet_v2
  camseg use ../photos --quality best
  camseg use data/voc/VOCdevkit/VOC2012 --encoder resnet50 --preset presets/voc2012.yaml
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "use",
        help="set up params.yaml for a folder of images and labels",
        description="Check a folder and, if it has no errors, point ./params.yaml at it. Comments are kept.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("path", type=Path, metavar="PATH", help="the folder, see `camseg check --help`")
    parser.add_argument(
        "--weights",
        default=WEIGHTS,
        metavar="W",
        help="imagenet (downloaded, the default), none, or the path of a .safetensors or .pth file",
    )
    parser.add_argument(
        "--encoder",
        metavar="NAME",
        help="encoder of both networks (default: as it is, or what fits the file)",
    )
    parser.add_argument(
        "--quality",
        choices=list(SEGMENTATION_PASSES),
        default=QUALITY,
        help="fast: one model, trained on the pseudo-masks; balanced (the default): two rounds of "
        "self-training follow, in each of which the model makes new masks and a new model is trained on "
        "them; best: also several scales and the CRF whenever a model predicts",
    )
    parser.add_argument(
        "--preset",
        type=Path,
        metavar="FILE",
        help="YAML with some of the keys of params.yaml: its values go before what would be written",
    )
    add_source(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check the folder and change params.yaml; 2, and nothing is written, if there are errors."""
    params_file = Path("params.yaml")
    params = load_params(params_file)
    encoder = choose_encoder(arguments.weights, arguments.encoder, params)
    preset = read_preset(arguments.preset, params) if arguments.preset else {}
    source = source_of(arguments.path, params, arguments.source)
    found = inspect_for(source, arguments.path, params)
    for line in problem_lines(found):
        print(line, file=sys.stderr)
    if found.manifest is None:
        print(f"camseg: params.yaml is unchanged: {len(found.errors)} error(s)", file=sys.stderr)
        return 2
    values: dict[str, object] = {
        "data.source": source,
        "data.path": portable(arguments.path),
        "data.classes": list(found.manifest.classes),  # named, so that mask ids never shift
        "data.rename": params.data.rename if is_current(arguments.path, params) else {},
        **photo_values(found.manifest, params, arguments.quality, arguments.weights),
        "classifier.encoder": encoder,
        "heatmaps.depths": fitting_depths(encoder),
        **quality_values(arguments.quality, params, preset),
    }
    if encoder != params.classifier.encoder or arguments.encoder:
        values["segmentation.encoder"] = encoder
    _report(update_params(params_file, values | preset), masks=any(s.mask for s in found.manifest.samples))
    return 0


def photo_values(
    manifest: Manifest, params: Params, quality: str = QUALITY, weights: str = WEIGHTS
) -> dict[str, object]:
    """What images of this size and number need, whatever the encoder; `quality_values` comes on top."""
    lr = LR if weights == "none" else PRETRAINED_LR
    return {
        "data.long_side": fitting_long_side(manifest),
        "classifier.weights": weights_value(weights),
        **PHOTO_VALUES,
        "heatmaps.depths": DEPTHS,
        "classifier.training.steps": fitting_steps(manifest, params.classifier, CLASSIFIER_PASSES),
        "segmentation.training.steps": fitting_steps(
            manifest, params.segmentation, SEGMENTATION_PASSES[quality]
        ),
        **{f"{network}.training.lr": lr for network in ("classifier", "segmentation")},
    }


def quality_values(quality: str, params: Params, preset: Mapping[str, object]) -> dict[str, object]:
    """What a quality stands for, besides the length of the training; `best` needs the CRF of the masks."""
    lead = lead_method(params.heatmaps.methods, params.segmentation.supervision)
    methods = preset.get("heatmaps.methods")
    if isinstance(methods, list) and methods and lead not in methods:
        lead = methods[0]
    models = [round_name(lead, number) for number in range(ROUNDS[quality] + 1)]
    return {
        "segmentation.supervision": [*reversed(models), FULL],
        "self_training.rounds": dict(zip(models[1:], models[:-1], strict=True)),
        "evaluation.scales": TEST_SCALES[quality],
        "evaluation.refine": params.pseudo_masks.refine if quality == "best" else "none",
    }


def fitting_depths(encoder: str) -> int:
    """`DEPTHS`, or as many as heatmaps can be made of.

    Raises:
        ValueError: no such encoder, or one for images of one size only.
    """
    from pipeline.engine.weights import make_encoder  # here, since torch takes seconds to load
    from pipeline.heatmaps.layers import depth_layers

    return min(DEPTHS, 1 + len(depth_layers(make_encoder(encoder, "none").eval())))


def fitting_steps(manifest: Manifest, section: ClassifierParams | SegmentationParams, passes: int) -> int:
    """Steps of a network: `passes` over the training images, not fewer than `FEWEST_STEPS`."""
    images = len(manifest.split("train"))
    return max(FEWEST_STEPS, round(passes * images / section.training.batch_size))


def portable(path: Path) -> str:
    """`path` relative to the project if it is inside, else absolute; links are left as they are."""
    absolute = path.absolute()
    if ".." in absolute.parts:
        absolute = absolute.resolve()
    inside = absolute.is_relative_to(Path.cwd())
    return (absolute.relative_to(Path.cwd()) if inside else absolute).as_posix()


def weights_value(weights: str) -> str:
    """What `classifier.weights` says."""
    return weights if weights in ("imagenet", "none") else portable(Path(weights))


def choose_encoder(weights: str, wanted: str | None, params: Params) -> str:
    """The encoder of both networks: `wanted`, else the configured one, else the one that the file fits.

    Raises:
        ValueError: there is no such encoder or file, or they do not fit.
    """
    if weights in ("imagenet", "none"):
        if wanted:
            _check_encoder(wanted)
        return wanted or params.classifier.encoder
    file = Path(weights)
    if file.suffix not in (".safetensors", ".pth") or not file.is_file():
        raise UserError(
            f"--weights: expected imagenet, none, or a .safetensors or .pth file, got {weights!r}"
        )
    from pipeline.engine.weights import encoder_fits, encoders_that_fit  # here, since it loads torch

    expected = wanted or params.classifier.encoder
    if encoder_fits(expected, file):
        return expected
    fitting = encoders_that_fit(file)
    if wanted or not fitting:
        target = f"the encoder {wanted}" if wanted else "any encoder"
        others = f" It fits {', '.join(fitting)}." if fitting else " Name one of timm's: --encoder tu-NAME."
        raise UserError(f"--weights {weights}: does not fit {target}.{others}")
    named = [name for name in fitting if name in file.stem]
    return [*named, *fitting][0]


def _check_encoder(name: str) -> None:
    from segmentation_models_pytorch.encoders import encoders  # here, since it loads torch

    if name not in encoders and not name.startswith("tu-"):
        raise UserError(
            f"--encoder: expected one of {', '.join(sorted(encoders))} or tu-NAME of timm, got {name!r}"
        )


def _report(changes: dict[str, tuple[object, object]], *, masks: bool) -> None:
    for key, (old, new) in changes.items():
        print(f"{key}: {old} -> {new}")
    print("params.yaml: changed" if changes else "params.yaml: nothing to change")
    if not masks:
        print("There are no masks, so there will be no scores, and `full` is skipped.")
    print("now run: make repro")
