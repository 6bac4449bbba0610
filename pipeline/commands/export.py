"""`camseg export`: masks for annotation tools and other trainings, the model for other run times."""

import argparse
from pathlib import Path
from typing import Any

FORMATS = {
    "voc": "a devkit of PASCAL VOC: VOCdevkit/VOC2012",
    "coco": "annotations.json with run lengths",
    "cvat": "annotations.zip, to be uploaded as `Segmentation mask 1.1`",
    "labelstudio": "tasks.json with the masks as predictions of the brush, and config.xml",
    "png": "masks/ as palette PNGs and classes.txt, as camseg reads them",
    "onnx": "the segmentation model as one .onnx file",
}

EXAMPLES = """
formats:
{formats}

All folders hold confidence.csv, with the masks to correct first at its top, and all but that of png the
images. OUT must be new, or an empty folder.

examples:
  camseg export voc exported
  camseg export labelstudio to-correct --masks cam
  camseg export cvat to-correct --predictions cam
  camseg export onnx model.onnx --model models/segmentation/cam
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser."""
    lines = "\n".join(f"  {name:<12} {text}" for name, text in FORMATS.items())
    parser = commands.add_parser(
        "export",
        help="hand masks to annotation tools, or the model to others",
        description="Write masks with their confidence, or the segmentation model, in the format of others.",
        epilog=EXAMPLES.format(formats=lines),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("format", choices=list(FORMATS), metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("out", type=Path, metavar="OUT", help="a new folder; of onnx, a new file")
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "--masks",
        metavar="NAME",
        help="those in data/masks/NAME (default: what the leading model was trained on)",
    )
    which.add_argument("--predictions", metavar="NAME", help="those in data/predictions/NAME")
    which.add_argument("--model", type=Path, metavar="FOLDER", help="of onnx (default: the leading model)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write what is asked for; 0, or an error that says what is wrong."""
    if arguments.format == "onnx":
        from pipeline.commands.export_model import export_model  # here, since it loads torch

        return export_model(arguments)
    from pipeline.commands.export_masks import export_masks  # here, since it loads torch

    return export_masks(arguments)
