"""Palette PNGs, the names of their ids, and which masks to look at first.

The folder `masks` and the file `classes.txt` are those that a folder for `camseg use` has.
"""

from collections.abc import Sequence
from pathlib import Path

from pipeline.data.files import inside, write_csv, write_text
from pipeline.data.pictures import write_mask
from pipeline.export.items import Item, progress


def write_png(out: Path, items: Sequence[Item], classes: Sequence[str]) -> None:
    """Write `masks/NAME.png`, `classes.txt`, and `doubt.csv` where the masks have a confidence."""
    for item in progress(items, "png"):
        write_mask(inside(out / "masks", f"{item.sample.name}.png"), item.read())
    write_classes(out, classes)
    if any(item.confidence is not None for item in items):
        write_doubt(out / "doubt.csv", items)


def write_classes(out: Path, classes: Sequence[str]) -> None:
    """Write `classes.txt`: line i, counted from 1, is the class with the id i."""
    write_text(out / "classes.txt", "".join(f"{name}\n" for name in classes))


def write_doubt(path: Path, items: Sequence[Item]) -> None:
    """Write the confidence of each mask, the most doubtful first, and equal ones by name."""
    known = [(item.confidence, item.sample.name) for item in items if item.confidence is not None]
    rows = [{"name": name, "confidence": f"{value:.6f}"} for value, name in sorted(known)]
    write_csv(path, ("name", "confidence"), rows)
