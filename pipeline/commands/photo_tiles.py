"""Tiles of large images: files whose names say where they lie, and the way back for masks."""

import math
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from pipeline.base.files import safe_join, write_csv
from pipeline.base.parallel import parallel_map
from pipeline.base.problems import Problem
from pipeline.commands.outputs import distinct_names
from pipeline.data.images import IGNORE, Mask, read_image, read_mask, write_image, write_mask
from pipeline.data.sources.csv_records import OWN_TABLE
from pipeline.data.sources.listing import images_below
from pipeline.errors import UserError

SMALLEST = 32  # pixels: a cell of a feature map
MOST = 100  # times the pixels of its tiles, an image has: otherwise a name is wrong
NAME = re.compile(r"(.+)_y(\d+)_x(\d+)")  # the image, and the pixel of it that is the tile's first

Placed = tuple[int, int, Path]  # top, left, file of the mask


def cut_photos(images: Path, size: int, folder: Path) -> tuple[int, int]:
    """Write `images/` and labels.csv for all images below a folder; the numbers of images and of tiles.

    Raises:
        UserError: no images, tiles that are too small, or a link that leaves the folder.
    """
    if size < SMALLEST:
        raise UserError(f"--size: expected at least {SMALLEST} pixels, got {size}")
    problems: list[Problem] = []
    files = images_below(images, problems)
    if problems:
        raise UserError("\n".join(map(str, problems)))
    if not files:
        raise UserError(f"{images}: expected images, got none. Check the path")
    names = distinct_names(PurePosixPath(file).with_suffix("").as_posix() for file in files)
    cut = partial(_cut_photo, images, size, folder / "images")
    tiles = parallel_map(cut, list(zip(files, names, strict=True)), description="cutting")
    rows = [
        {"image": tile, "labels": "", "group": name}
        for name, of_image in zip(names, tiles, strict=True)
        for tile in of_image
    ]
    write_csv(folder / OWN_TABLE, ("image", "labels", "group"), rows)
    return len(files), len(rows)


def tile_starts(side: int, size: int) -> list[int]:
    """Where tiles along a side start: as few as cover it, evenly spread, all of equal length."""
    starts = np.linspace(0, max(0, side - size), math.ceil(side / size))
    return [round(start) for start in starts]


def join_masks(masks: Path, folder: Path) -> tuple[int, int]:
    """Write a mask for each image of which `masks` has tiles; the numbers of images and of other files.

    Raises:
        UserError: no masks of tiles, or a name that says a place far from the other tiles.
    """
    of_image: dict[str, list[Placed]] = defaultdict(list)
    names = images_below(masks, [])
    for name in names:
        if place := NAME.fullmatch(PurePosixPath(name).with_suffix("").as_posix()):
            image, top, left = place.groups()
            of_image[image].append((int(top), int(left), masks / name))
    if not of_image:
        raise UserError(f"{masks}: expected masks with names as IMAGE_y0_x256.png, got none. Check the path")
    parallel_map(partial(_join_mask, folder), list(of_image.items()), description="joining")
    return len(of_image), len(names) - sum(map(len, of_image.values()))


def joined(tiles: Sequence[tuple[int, int, Mask]]) -> Mask:
    """One mask of tiles at (top, left); 255 where none lies. Nearer middles win where tiles overlap.

    Raises:
        UserError: the tiles are few pixels of what their places ask for.
    """
    height, width = (max(t[i] + t[2].shape[i] for t in tiles) for i in (0, 1))
    if height * width > MOST * sum(tile.size for *_, tile in tiles):
        raise UserError(
            f"expected tiles beside each other, got places up to y{height} x{width}. Check the names"
        )
    mask = np.full((height, width), IGNORE, np.uint8)
    nearest = np.full((height, width), np.inf, np.float32)
    for top, left, tile in tiles:
        rows, columns = (np.abs(np.arange(side) - (side - 1) / 2) for side in tile.shape)
        distance = np.maximum(rows[:, None], columns).astype(np.float32)
        part = np.s_[top : top + tile.shape[0], left : left + tile.shape[1]]
        nearer = distance < nearest[part]
        mask[part][nearer] = tile[nearer]
        nearest[part][nearer] = distance[nearer]
    return mask


def _cut_photo(images: Path, size: int, folder: Path, photo: tuple[str, str]) -> list[str]:
    """Write the tiles of one image; their names."""
    file, name = photo
    image = read_image(images / file)
    names = []
    for top, left in _starts(image.shape[:2], size):
        names.append(f"{name}_y{top}_x{left}.png")
        write_image(safe_join(folder, names[-1]), image[top : top + size, left : left + size])
    return names


def _starts(shape: Sequence[int], size: int) -> Iterator[tuple[int, int]]:
    rows, columns = (tile_starts(side, size) for side in shape)
    return ((top, left) for top in rows for left in columns)


def _join_mask(folder: Path, image: tuple[str, Sequence[Placed]]) -> None:
    name, placed = image
    try:
        mask = joined([(top, left, read_mask(file)) for top, left, file in placed])
    except UserError as error:
        raise UserError(f"{name}: {error}") from error
    write_mask(safe_join(folder, f"{name}.png"), mask)
