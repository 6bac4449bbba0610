"""Large images with small objects: mosaics of the images of a set, of which only the mosaic's labels count.

    python -m benchmarks.mosaics ../cracks OUT --grid 3 [--train 400] [--val 150] [--seed 0]

FOLDER is a csv folder with splits, masks and images of one size. Each mosaic shows grid x grid images of one
split, drawn with replacement and mirrored by chance. Half of the mosaics show no image with a label, the
others one or two. Two folders for `camseg use` are written:

* OUT/mosaics: the mosaics with their labels. The masks are for scores alone.
* OUT/tiles: the same images one by one, each with its own labels and with its mosaic as the group. The names
  are those of `camseg tiles make`, so `camseg tiles join` makes masks of mosaics from masks of tiles.

`benchmarks.mosaic_scores` compares projects that learned from the two.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.random import Generator

from pipeline.base.files import read_csv, write_csv, write_text
from pipeline.data.images import ImageArray, Mask, read_image, read_mask, write_image, write_mask

Pixels = tuple[ImageArray, Mask]


@dataclass(frozen=True)
class Piece:
    """An image of the set."""

    image: Path
    mask: Path
    labels: tuple[str, ...]
    split: str


def main() -> None:
    """Write both folders."""
    parser = argparse.ArgumentParser(
        "benchmarks.mosaics", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--grid", type=int, default=3, metavar="N", help="images along a side (default: 3)")
    parser.add_argument("--train", type=int, default=400, metavar="N", help="mosaics (default: 400)")
    parser.add_argument("--val", type=int, default=150, metavar="N", help="mosaics (default: 150)")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    given = parser.parse_args()
    write_mosaics(read_pieces(given.folder), given.out, given.grid, vars(given), given.seed)
    for name in ("mosaics", "tiles"):
        write_text(given.out / name / "classes.txt", (given.folder / "classes.txt").read_text("utf-8"))


def read_pieces(folder: Path) -> list[Piece]:
    """The images of a csv folder, in the order of its table."""
    return [
        Piece(
            folder / "images" / row["image"],
            (folder / "masks" / row["image"]).with_suffix(".png"),
            tuple(filter(None, row["labels"].split(";"))),
            row["split"],
        )
        for row in read_csv(folder / "labels.csv")
    ]


def write_mosaics(pieces: Sequence[Piece], out: Path, grid: int, counts: dict[str, int], seed: int) -> None:
    """Write images, masks and labels.csv of the mosaics and of their tiles.

    Args:
        counts: mosaics of each split, which may be more than the split has images.
    """
    mosaic_rows, tile_rows = [], []
    for number, split in enumerate(("train", "val")):
        own = [piece for piece in pieces if piece.split == split]
        for index in range(counts[split]):
            rng, name = np.random.default_rng([seed, number, index]), f"{split}-{index:04d}"
            chosen = draw_pieces(own, grid, positive=index % 2 == 1, rng=rng)
            tiles = [drawn_pixels(piece, rng) for piece in chosen]
            write_pixels(out / "mosaics", name, joined(tiles, grid))
            labels = ";".join(sorted({label for piece in chosen for label in piece.labels}))
            mosaic_rows.append({"image": f"{name}.png", "labels": labels, "split": split})
            for cell, (piece, tile) in enumerate(zip(chosen, tiles, strict=True)):
                height, width = tile[1].shape
                tile_name = f"{name}_y{cell // grid * height}_x{cell % grid * width}"
                write_pixels(out / "tiles", tile_name, tile)
                row = {"image": f"{tile_name}.png", "labels": ";".join(piece.labels), "split": split}
                tile_rows.append({**row, "group": name})
    write_csv(out / "mosaics" / "labels.csv", ("image", "labels", "split"), mosaic_rows)
    write_csv(out / "tiles" / "labels.csv", ("image", "labels", "split", "group"), tile_rows)


def draw_pieces(pieces: Sequence[Piece], grid: int, *, positive: bool, rng: Generator) -> list[Piece]:
    """The images of a mosaic, row by row: one or two with labels among those without, or none."""
    shown, others = ([p for p in pieces if bool(p.labels) == with_label] for with_label in (True, False))
    count = int(rng.integers(1, 3)) if positive else 0
    drawn = [
        *(shown[i] for i in rng.integers(len(shown), size=count)),
        *(others[i] for i in rng.integers(len(others), size=grid**2 - count)),
    ]
    return [drawn[i] for i in rng.permutation(len(drawn))]


def drawn_pixels(piece: Piece, rng: Generator) -> Pixels:
    """The image and its mask, mirrored by chance along either side."""
    steps = tuple(slice(None, None, int(step)) for step in rng.choice((1, -1), 2))
    return read_image(piece.image)[steps], read_mask(piece.mask)[steps]


def joined(tiles: Sequence[Pixels], grid: int) -> Pixels:
    """The mosaic of grid x grid tiles of one size, row by row, and its mask."""
    rows = [tiles[start : start + grid] for start in range(0, grid**2, grid)]
    image, mask = (np.concatenate([np.concatenate([t[i] for t in row], 1) for row in rows]) for i in (0, 1))
    return image, mask


def write_pixels(folder: Path, name: str, pixels: Pixels) -> None:
    """Write an image and its mask as PNG."""
    image, mask = (np.ascontiguousarray(array) for array in pixels)
    write_image(folder / "images" / f"{name}.png", image)
    write_mask(folder / "masks" / f"{name}.png", mask)


if __name__ == "__main__":
    main()
