"""`camseg predict`: writes masks of new images with a trained segmentation model."""

import argparse
from pathlib import Path
from typing import Any

from pipeline.commands.outputs import writes_alone
from pipeline.commands.parser import add_command

EXAMPLES = """
Images that cannot be read are named and skipped. The other images get:

FOLDER/masks/        a mask for each image: 8-bit palette PNG of the image's size, 0 background, ids from 1
FOLDER/geotiff/      the masks of georeferenced images (GeoTIFF) with their georeference; needs rasterio
FOLDER/overlays/     with --overlay: the masks drawn over the images as the model sees them
FOLDER/predictions.csv  for each image and class: how probable the class is at its most probable pixel, its
                     share of the pixels, the number of its connected parts, its area with --scale; and how
                     sure the class and the whole mask are (mean probability of each class in its region)
FOLDER/index.html    with --page: a page for a browser that needs nothing else: figures, and up to 200 images,
                     least sure first
FOLDER/geojson/, annotations.json, yolo/  with --export: polygons, run lengths of COCO, polygons of YOLO
FOLDER/labelmap.txt  the colour of each class, in the order of the ids

The images of a folder keep their sub-folders. Scales, flip and refinement are those of `evaluation` in
params.yaml. Images above data.max_side are shrunk to it, and their masks enlarged to the nearest pixel.
FOLDER must be new or empty. After an interruption, repeat the same command: it goes on.

--export geojson: longitude and latitude (WGS84) where an image has a georeference and rasterio is installed;
pixels for all others, as QuPath reads them.

--threshold crack=0.3 finds more of the class, 0.7 less: it is chosen where its probability reaches the
number, and nowhere else. --min-confidence 0.6 leaves pixels open (255) whose class is less probable.

--tile: an image larger than twice the model's working size is predicted at its own resolution, in overlapping
tiles of the working size. Objects then look larger to the model than in training: compare both ways on some
images.

examples:
  camseg predict image.jpg --out predicted
  camseg predict ../images --page --out predicted
  camseg predict ../images --overlay --out predicted
  camseg predict ../slides --scale 0.5um --min-area 200 --export geojson --out predicted
  camseg predict ../images --threshold crack=0.3 --min-confidence 0.5 --out predicted
  camseg predict aerial.tif --tile --model models/segmentation/full --out predicted
"""


def add_parser(commands: Any) -> None:
    parser = add_command(commands, "predict", run, "write masks of new images with a trained model", EXAMPLES)
    parser.add_argument("images", nargs="+", type=Path, metavar="IMAGE", help="files, or folders to search")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the masks go")
    models = "folder of a model (default: the leading model; the report names it)"
    parser.add_argument("--model", type=Path, metavar="M", help=models)
    parser.add_argument("--overlay", action="store_true", help="also draw the masks over the images")
    parser.add_argument("--page", action="store_true", help="also write a page with the pictures: index.html")
    parser.add_argument("--tile", action="store_true", help="large images at their own resolution, in tiles")
    add_mask_options(parser)


def add_mask_options(parser: argparse.ArgumentParser) -> None:
    """Options of how masks are made, and what is written beside them."""
    scale = "side of a pixel, as 0.05mm: areas in squares of the unit (nm, um, mm, cm, m, km)"
    parser.add_argument("--scale", metavar="LENGTH", help=scale)
    threshold = "probability from which on a class is chosen; the option may come several times"
    parser.add_argument("--threshold", action="append", default=[], metavar="CLASS=P", help=threshold)
    unsure = "leave pixels open (255) whose class has a lower probability"
    parser.add_argument("--min-confidence", type=float, default=0.0, metavar="P", help=unsure)
    small = "take connected parts out that are smaller: pixels, or squares of the unit of --scale"
    parser.add_argument("--min-area", type=float, default=0.0, metavar="AREA", help=small)
    export = "also write the masks as coco, geojson or yolo; the option may come several times"
    parser.add_argument(
        "--export", action="append", default=[], choices=("coco", "geojson", "yolo"), help=export
    )


def run(arguments: argparse.Namespace) -> int:
    from pipeline.commands.predict_images import predict_images  # here, since it loads torch

    with writes_alone(arguments.out):
        return predict_images(arguments)
