"""`camseg explain`: shows what a classifier looks at in images, by several methods side by side."""

import argparse
from pathlib import Path
from typing import Any

from pipeline.commands.parser import add_command

EXAMPLES = """
FOLDER/IMAGE/ gets each heatmap, drawn over the image, and a grid that compares the methods.

methods: cam, gradcam, gradcampp, xgradcam, hirescam, layercam.
The package grad-cam (pip install '.[methods]') adds scorecam, ablationcam, eigencam and others.
`six` stands for gradcam,scorecam,gradcampp,ablationcam,xgradcam,eigencam.

examples:
  camseg explain image.jpg --out explained
  camseg explain *.jpg --model torchvision:resnet50 --classes top1 --methods six --out explained
  camseg explain cat.jpg --model timm:convnext_tiny --layer stages.-1 --classes "tabby" --npz --out explained
"""


def add_parser(commands: Any) -> None:
    parser = add_command(commands, "explain", run, "show what a classifier looks at in images", EXAMPLES)
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="image files")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the results go")
    models = (
        "models/classifier (the default) or another folder of the pipeline, torchvision:NAME or timm:NAME"
    )
    parser.add_argument("--model", default="models/classifier", metavar="M", help=models)
    weights = "of a library's model: pretrained (downloaded, the default), none, or a file"
    parser.add_argument("--weights", default="pretrained", metavar="W", help=weights)
    layers = "target layer, e.g. layer3.-1 (default: the last one before global pooling, or of a ViT)"
    parser.add_argument("--layer", metavar="L", help=layers)
    parser.add_argument("--methods", metavar="M,M", help="default: cam,gradcam,gradcampp,layercam")
    parser.add_argument(
        "--classes",
        default="top3",
        metavar="C,C",
        help="topN (default: top3), class names, or class indices from 0: tabby,134",
    )
    sides = "long side of the model's images; a model of one size gets them stretched to that size"
    parser.add_argument("--long-side", type=positive, metavar="PX", help=sides)
    parser.add_argument("--npz", action="store_true", help="also write the heatmaps as numbers")


def positive(text: str) -> int:
    """`text` as a number of pixels."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number of pixels, got {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    from pipeline.commands.explain_images import explain_images  # here, since it loads torch

    return explain_images(arguments)
