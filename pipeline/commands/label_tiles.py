"""`camseg tiles`: cuts photos into tiles that a person labels, and joins masks of tiles again."""

import argparse
import sys
from pathlib import Path
from typing import Any

from pipeline.commands.outputs import new_folder
from pipeline.commands.parser import add_command
from pipeline.commands.photo_tiles import cut_photos, join_masks

EXAMPLES = """
Small things in large images: a label of the whole image says too little. Cut the images, label each tile, and
train on the tiles. Tiles of one image have one `group`, so that they stay in one split.

FOLDER/images/       IMAGE_yTOP_xLEFT.png: 8-bit RGB, each of SIZE pixels or as large as a smaller image
FOLDER/labels.csv    a line for each tile, with its group; the column `labels` is for you to fill in: class
                     names joined by `;`. An empty cell means that the tile shows no class

`join` takes masks with such names, as `camseg predict` and `data/masks` have them. Where tiles overlap, a
pixel is that of the tile whose middle is nearer.

examples:
  camseg tiles make ../photos --size 256 --out tiles      # then fill in tiles/labels.csv
  camseg init my-project --data tiles                     # then, in my-project:
  camseg run
  camseg predict ../tiles/images --out predicted
  camseg tiles join predicted/masks --out joined
"""


def add_parser(commands: Any) -> None:
    parser = add_command(commands, "tiles", None, "cut images into tiles, join masks of tiles", EXAMPLES)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    make = add_command(actions, "make", make_tiles, "cut images and start a labels.csv", EXAMPLES)
    make.add_argument("images", type=Path, metavar="IMAGES", help="a folder of images")
    make.add_argument("--size", type=int, default=256, metavar="N", help="side in pixels (default: 256)")
    join = add_command(actions, "join", join_tiles, "join masks of tiles to masks of the images", EXAMPLES)
    join.add_argument("masks", type=Path, metavar="MASKS", help="a folder of masks of tiles")
    for action in (make, join):
        action.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="a new or empty folder")


def make_tiles(arguments: argparse.Namespace) -> int:
    """Write the tiles of all images of a folder, and the table to fill in."""
    with new_folder(arguments.out) as folder:
        images, tiles = cut_photos(arguments.images, arguments.size, folder)
    print(f"{arguments.out}: {tiles} tiles of {images} image(s)")
    table = arguments.out / "labels.csv"
    print(f"now fill in the column `labels` of {table}, then run: camseg use {arguments.out}")
    return 0


def join_tiles(arguments: argparse.Namespace) -> int:
    """Write a mask for each image whose tiles have masks."""
    with new_folder(arguments.out) as folder:
        images, others = join_masks(arguments.masks, folder)
    print(f"{arguments.out}: masks of {images} image(s)")
    if others:
        print(f"passed over: {others} file(s) whose names do not end with _yTOP_xLEFT", file=sys.stderr)
    return 0
