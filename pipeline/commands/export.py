"""`camseg export`: masks in the formats of other tools."""

import argparse
from pathlib import Path
from typing import Any

EXAMPLES = """
png   OUT/masks/NAME.png, classes.txt; doubt.csv with the confidence of each mask, the most doubtful first
voc   OUT/VOCdevkit/VOC2012/ with photos, masks and lists of names; classes.txt
coco  OUT/annotations.json; file names are relative to the folder of the photos, which are not copied

The confidence of a mask, in [0, 1], tells how clearly its heatmaps decide. It is in doubt.csv and, as
`score`, in annotations.json, for pseudo-masks straight from heatmaps; other masks have none.

examples:
  camseg export png exported
  camseg export voc exported --masks cam-relabelled
  camseg export coco exported --predictions full
"""


def add_parser(commands: Any) -> None:
    """Add the subcommand to the parser."""
    parser = commands.add_parser(
        "export",
        help="write masks as palette PNGs, for PASCAL VOC or for COCO",
        description="Write the masks of the data set's photos to an empty folder.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("format", choices=("png", "voc", "coco"), help="see below")
    parser.add_argument("out", type=Path, metavar="OUT", help="an empty folder, or one that does not exist")
    source = parser.add_mutually_exclusive_group()
    source.add_argument(
        "--masks",
        metavar="NAME",
        help="those of data/masks/NAME (default: what the first weak model was trained on)",
    )
    source.add_argument("--predictions", metavar="NAME", help="those of data/predictions/NAME")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Write the masks; 0."""
    from pipeline.commands.export_masks import export_masks  # here, since it loads torch

    return export_masks(arguments)
