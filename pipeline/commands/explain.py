"""`camseg explain`: what a classifier looks at in some images, by several methods side by side."""

import argparse
from pathlib import Path
from typing import Any

OWN = "models/classifier"

EXAMPLES = """
methods: cam, gradcam, gradcampp, xgradcam, hirescam, layercam; with the package grad-cam (pip install
'camseg[methods]') also scorecam, ablationcam, eigencam and the others it has; `six` is short for
gradcam,scorecam,gradcampp,ablationcam,xgradcam,eigencam.

examples:
  camseg explain holiday.jpg --out explained
  camseg explain *.jpg --model torchvision:resnet50 --classes top1 --methods six --out explained
  camseg explain cat.jpg --model timm:convnext_tiny --layer stages.-1 --classes "tabby" --npz --out explained
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "explain",
        help="show what a classifier looks at in images",
        description="Write heatmaps over images, and a grid that compares methods, to OUT/PHOTO/.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="PHOTO")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the images go")
    parser.add_argument(
        "--model",
        default=OWN,
        metavar="M",
        help=f"a folder of the pipeline (default: {OWN}), torchvision:NAME or timm:NAME",
    )
    parser.add_argument(
        "--weights",
        default="imagenet",
        metavar="W",
        help="of a library's model: imagenet (downloaded, the default), none, or a .safetensors or .pth file",
    )
    parser.add_argument("--layer", metavar="L", help="e.g. layer3.-1 (default: before global pooling)")
    parser.add_argument("--methods", metavar="M,M", help="default: cam,gradcam,gradcampp,layercam")
    parser.add_argument("--classes", default="top3", metavar="C,C", help="topN (default: top3), or names")
    parser.add_argument("--long-side", type=positive, metavar="PX", help="size of the images the model sees")
    parser.add_argument("--npz", action="store_true", help="also write the heatmaps as numbers")
    parser.set_defaults(run=run)


def positive(text: str) -> int:
    """A number of pixels."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a positive number of pixels, got {text!r}")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Explain every image; 1 if one could not be read."""
    from pipeline.commands.explain_images import explain_images  # here, since it loads torch

    return explain_images(arguments)
