"""`camseg export`: hands masks to annotation tools and other trainings, and the model to other run times."""

import argparse
from pathlib import Path
from typing import Any

from pipeline.commands.parser import add_command

FORMATS = {
    "voc": "a devkit of PASCAL VOC: VOCdevkit/VOC2012",
    "coco": "annotations.json with run lengths",
    "yolo": "images/ and labels/ of YOLO segmentation, with data.yaml",
    "geojson": "polygons for QuPath, and for maps where images have a georeference",
    "cvat": "annotations.zip, to upload as `Segmentation mask 1.1`",
    "labelstudio": "tasks.json with the masks as brush predictions, and config.xml",
    "png": "masks/ as palette PNGs and classes.txt, as camseg reads them",
    "onnx": "the segmentation model as one .onnx file",
}

EXAMPLES = """
formats:
{formats}

Each folder holds confidence.csv, which lists the masks in the order of correction, and the images (but for
png and geojson). OUT must be new, or an empty folder.

examples:
  camseg export voc exported
  camseg export labelstudio to-correct --masks cam
  camseg export cvat to-correct --predictions cam
  camseg export onnx model.onnx --model models/segmentation/cam
"""


def add_parser(commands: Any) -> None:
    lines = "\n".join(f"  {name:<12} {text}" for name, text in FORMATS.items())
    parser = add_command(
        commands,
        "export",
        run,
        "hand masks to annotation tools, or the model to other programs",
        EXAMPLES.format(formats=lines),
    )
    parser.add_argument("format", choices=list(FORMATS), metavar="FORMAT", help=", ".join(FORMATS))
    parser.add_argument("out", type=Path, metavar="OUT", help="a new folder; for onnx, a new file")
    origin = parser.add_mutually_exclusive_group()
    masks = "the masks in data/masks/NAME (default: what the leading model was trained on)"
    origin.add_argument("--masks", metavar="NAME", help=masks)
    origin.add_argument("--predictions", metavar="NAME", help="the masks in data/predictions/NAME")
    origin.add_argument("--model", type=Path, metavar="FOLDER", help="for onnx (default: the leading model)")


def run(arguments: argparse.Namespace) -> int:
    if arguments.format == "onnx":
        from pipeline.commands.export_model import export_model  # here, since it loads torch

        return export_model(arguments)
    from pipeline.commands.export_masks import export_masks  # here, since it loads torch

    return export_masks(arguments)
