"""A csv folder in which the background of another one becomes a class: data without background.

    python -m benchmarks.no_background ../satellite .work/land --name bare
    camseg use .work/land --no-background

A csv folder with classes.txt and a mask for each image becomes one in which every pixel belongs to a class.
An image gets the new label where at least `SHARE` of its pixels are background; elsewhere they become 255.
"""

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.base.files import read_csv, write_csv, write_lines
from pipeline.data.images import IGNORE, Mask, read_mask, write_mask

SHARE = 0.005  # of the pixels of an image; fewer are no label
SEPARATOR = ";"


def main() -> None:
    """Write the folder."""
    parser = argparse.ArgumentParser(
        "benchmarks.no_background", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="a csv folder with masks and classes.txt")
    parser.add_argument("target", type=Path, metavar="TARGET", help="the new folder")
    parser.add_argument("--name", required=True, metavar="NAME", help="of the class that was background")
    given = parser.parse_args()
    without_background(given.folder, given.target, given.name)


def without_background(folder: Path, target: Path, name: str) -> None:
    """Copy a csv folder; its background becomes the last class, `name`."""
    classes = (folder / "classes.txt").read_text(encoding="utf-8").split()
    shutil.copytree(folder / "images", target / "images")
    rows = read_csv(folder / "labels.csv")
    for row in rows:
        file = f"{Path(row['image']).stem}.png"
        mask, shown = as_class(read_mask(folder / "masks" / file), len(classes) + 1)
        write_mask(target / "masks" / file, mask)
        row["labels"] = SEPARATOR.join(labels_with(row["labels"], [name] if shown else []))
    write_csv(target / "labels.csv", list(rows[0]), rows)
    write_lines(target / "classes.txt", [*classes, name])


def as_class(mask: Mask, label_id: int) -> tuple[Mask, bool]:
    """The mask with `label_id` in place of background, and whether it is a label; 255 if it is none."""
    shown = bool((mask == 0).mean() >= SHARE)
    return np.where(mask == 0, label_id if shown else IGNORE, mask).astype(np.uint8), shown


def labels_with(cell: str, names: Sequence[str]) -> list[str]:
    """The labels of a cell, followed by `names`."""
    return [*filter(None, cell.split(SEPARATOR)), *names]


if __name__ == "__main__":
    main()
