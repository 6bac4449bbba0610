"""Starts labels.csv for a folder of images that nobody has labelled."""

from pathlib import Path

from pipeline.base.files import write_csv
from pipeline.base.problems import Problem
from pipeline.data.sources.csv_images import IMAGES
from pipeline.data.sources.csv_records import OWN_TABLE
from pipeline.data.sources.listing import images_below
from pipeline.data.sources.mask_pairs import ARRAYS, pair_masks
from pipeline.errors import UserError


def start_labels(folder: Path) -> int:
    """Write labels.csv with a line for each image, without labels; returns the number of images.

    Raises:
        UserError: labels.csv exists, or there are no images, or links that leave the folder.
    """
    file = folder / OWN_TABLE
    if file.exists():
        raise UserError(f"{file}: expected no such file, got one. Move it, or fill it in")
    problems: list[Problem] = []
    pairs = pair_masks(images_below(folder, problems, more=ARRAYS))
    if problems:
        raise UserError("\n".join(map(str, problems)))
    images = sorted([*pairs.masks, *pairs.without])
    if (folder / IMAGES).is_dir():
        images = [name.removeprefix(IMAGES) for name in images if name.startswith(IMAGES)]
    if not images:
        raise UserError(f"{folder}: expected images, got none. Check the path")
    write_csv(file, ("image", "labels"), ({"image": name, "labels": ""} for name in images))
    return len(images)
