"""`camseg predict`: writes masks of new images with a trained segmentation model."""

import argparse
from pathlib import Path
from typing import Any

from pipeline.commands.parser import add_command

EXAMPLES = """
Images that cannot be read are named and skipped. The other images get:

FOLDER/masks/        a mask for each image: 8-bit palette PNG of the image's size, 0 background, ids from 1
FOLDER/geotiff/      the masks of georeferenced images (GeoTIFF) with their georeference; needs rasterio
FOLDER/overlays/     with --overlay: the masks drawn over the images as the model sees them
FOLDER/areas.csv     the share of the background and of each class in each image's pixels
FOLDER/labelmap.txt  the colour of each class, in the order of the ids

The images of a folder keep their sub-folders. Scales, flip and refinement are those of `evaluation` in
params.yaml. Images above data.max_side are shrunk to it, and their masks enlarged to the nearest pixel.
FOLDER must be new or empty. After an interruption, repeat the same command: it goes on.

--tile: an image larger than twice the model's working size is predicted at its own resolution, in overlapping
tiles of the working size. Objects then look larger to the model than in training: compare both ways on some
images.

examples:
  camseg predict image.jpg --out predicted
  camseg predict ../images --overlay --out predicted
  camseg predict aerial.tif --tile --model models/segmentation/full --out predicted
"""


def add_parser(commands: Any) -> None:
    parser = add_command(commands, "predict", run, "write masks of new images with a trained model", EXAMPLES)
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="files, or folders to search")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the masks go")
    models = "folder of a model (default: the leading model, the first weak one in segmentation.supervision)"
    parser.add_argument("--model", type=Path, metavar="M", help=models)
    parser.add_argument("--overlay", action="store_true", help="also draw the masks over the images")
    parser.add_argument("--tile", action="store_true", help="large images at their own resolution, in tiles")


def run(arguments: argparse.Namespace) -> int:
    from pipeline.commands.predict_images import predict_images  # here, since it loads torch

    return predict_images(arguments)
