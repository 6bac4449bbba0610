"""`camseg predict`: masks of new images from a trained segmentation model."""

import argparse
from pathlib import Path
from typing import Any

EXAMPLES = """
FOLDER/masks/        a mask per image: 8-bit palette PNG of the image's own size, 0 background, ids from 1
FOLDER/overlays/     with --overlay: the masks drawn over the images
FOLDER/areas.csv     the share of each image's pixels that is background and each class
FOLDER/labelmap.txt  the colour of each class, in the order of the ids

The images of a folder keep their sub-folders. Scales, flip and refinement are those of `evaluation` in
params.yaml. FOLDER must be new or empty; that of a command that was interrupted takes the same command again,
which then goes on.

--tile: images with more than twice the model's working size are not made small, but predicted at their own
resolution in overlapping tiles of the working size. Objects then look larger to the model than in training:
compare both ways on some images.

examples:
  camseg predict holiday.jpg --out predicted
  camseg predict ../photos --overlay --out predicted
  camseg predict aerial.tif --tile --model models/segmentation/full --out predicted
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "predict",
        help="write masks of new images with a trained model",
        description="Write the mask of every image that can be read; the others are named and skipped.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("images", nargs="+", type=Path, metavar="PHOTO", help="files, or folders to search")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the masks go")
    parser.add_argument(
        "--model",
        type=Path,
        metavar="M",
        help="folder of a model (default: that of the first weak one of segmentation.supervision)",
    )
    parser.add_argument("--overlay", action="store_true", help="also draw the masks over the images")
    parser.add_argument("--tile", action="store_true", help="large images at their own resolution, in tiles")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Predict every image; 1 if one could not be read."""
    from pipeline.commands.predict_images import predict_images  # here, since it loads torch

    return predict_images(arguments)
