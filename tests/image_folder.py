"""A tiny data set of one's own: coloured shapes on noisy grey, with image-level labels and masks."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from pipeline.params import DataParams

CLASSES = ("disc", "square", "triangle")  # the sorted labels, so that ids are 1, 2, 3
COLOURS = ((210, 40, 40), (40, 180, 60), (50, 70, 220))
SIZES = ((48, 72), (64, 40), (56, 80))  # height, width in pixels: never square


def make_image_folder(
    path: Path, *, images: int = 12, masks: bool = True, split: bool = True, seed: int = 0
) -> Path:
    """Write images/, labels.csv and, if asked for, masks/ below `path`; returns `path`.

    Every sixth image is background only, the others show one class or two. With `split`, numbers 3 to
    5, 12 to 14 and so on are `val`. Files are `photo-00.jpg`, ...; masks hold 0 and the ids of the shapes.
    """
    rows = []
    for index in range(images):
        rng = np.random.default_rng([seed, index])
        labels = [] if index % 6 == 5 else sorted({index % 3, *([(index + 1) % 3] if index % 4 == 0 else [])})
        image, mask = draw_image_and_mask(rng, SIZES[index % len(SIZES)], labels)
        write_image_file(path / "images" / f"photo-{index:02d}.jpg", image)
        if masks:
            write_image_file(path / "masks" / f"photo-{index:02d}.png", mask)
        row = {"image": f"photo-{index:02d}.jpg", "labels": ";".join(CLASSES[label] for label in labels)}
        rows.append({**row, "split": "val" if index // 3 % 3 == 1 else "train"} if split else row)
    write_labels(path, rows)
    return path


def draw_image_and_mask(
    rng: np.random.Generator, size: tuple[int, int], labels: Sequence[int]
) -> tuple[np.ndarray, np.ndarray]:
    """RGB uint8 (H, W, 3) and mask uint8 (H, W) with one shape per label, side by side."""
    height, width = size
    mask = np.zeros(size, np.uint8)
    for position, label in enumerate(labels):
        radius = int(min(height, width / len(labels)) * rng.uniform(0.28, 0.4))
        centre = (round(width * (position + 0.5) / len(labels)), height // 2)  # cv2: column first
        _draw_shape(mask, label, centre, radius)
    colours = np.array([(128, 128, 128), *COLOURS])
    image = colours[mask] + rng.normal(0, 12, (*size, 3))
    return np.clip(image, 0, 255).astype(np.uint8), mask


def _draw_shape(mask: np.ndarray, label: int, centre: tuple[int, int], radius: int) -> None:
    column, row = centre
    corners = {
        1: [(-1, -1), (1, -1), (1, 1), (-1, 1)],
        2: [(0, -1), (1, 1), (-1, 1)],
    }
    if label == 0:
        cv2.circle(mask, centre, radius, 1, -1)
    else:
        points = [(column + x * radius, row + y * radius) for x, y in corners[label]]
        cv2.fillPoly(mask, [np.array(points, np.int32)], label + 1)


def data_params(**changes: object) -> DataParams:
    """The section `data` as the commands use it on a folder, with `changes`."""
    values: dict[str, object] = {
        "source": "csv",
        "path": "unused",
        "classes": None,
        "rename": {},
        "separator": "auto",
        "difficult": True,
        "masks": "auto",
        "mask_key": None,
        "background": True,
        "on_bad_image": "error",
        "max_megapixels": 100,
        "intensity": "auto",
        "bands": None,
        "frame": None,
        "val_share": 0.2,
        "group_by": None,
        "held_out": 0,
        "long_side": 64,
        "tiles": 1,
        "max_side": 1024,
    }
    return DataParams.model_validate({**values, **changes})


def write_image_file(file: Path, pixels: np.ndarray) -> None:
    """Write an image or a mask, and its folders."""
    file.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(file, quality=95)


def write_labels(path: Path, rows: Sequence[Mapping[str, str]]) -> None:
    """Write `path`/labels.csv with the columns of the first row."""
    with (path / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
