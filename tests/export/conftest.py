"""Images and masks as people have them: sub-folders, accents, several formats, one that EXIF turns."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.images import write_mask
from pipeline.data.manifest import Split
from pipeline.data.mask_store import mask_path
from pipeline.export.items import ExportItem
from pipeline.export.order import correction_order

CLASSES = ("cat", "été <&>", "dog")
TURNED = 6  # EXIF orientation: turn to the right to see it upright

# name, suffix, split, confidence, height, width
FILES: tuple[tuple[str, str, Split, float, int, int], ...] = (
    ("a/photo", ".jpg", "train", 0.9, 9, 14),
    ("b/photo", ".png", "train", 0.3, 11, 6),
    ("b/über all", ".JPG", "val", 0.5, 8, 13),
    ("turned", ".jpg", "train", 0.7, 12, 7),
    ("grey.v2", ".bmp", "val", 0.7, 5, 10),
)


def blocks(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
    """Ids 0..3 and 255 in blocks of 2 x 3 pixels."""
    small = rng.choice([0, 0, 1, 2, 3, 255], (-(-height // 2), -(-width // 3)))
    return small.repeat(2, 0).repeat(3, 1)[:height, :width].astype(np.uint8)


def save_image(file: Path, pixels: np.ndarray, *, turned: bool) -> None:
    """Write upright RGB pixels; `turned`: stored lying, with the tag that says so."""
    file.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(pixels)
    if turned:
        exif = Image.Exif()
        exif[0x0112] = TURNED
        image.transpose(Image.Transpose.ROTATE_90).save(file, "JPEG", quality=98, exif=exif)
    else:
        image.save(file, quality=98) if file.suffix.lower() == ".jpg" else image.save(file)


@pytest.fixture
def items(tmp_path: Path) -> tuple[ExportItem, ...]:
    """Five items, those to correct first in front."""
    rng = np.random.default_rng(0)
    items = []
    for name, suffix, split, confidence, height, width in FILES:
        image, masks = tmp_path / "images" / f"{name}{suffix}", tmp_path / "made"
        flat = np.broadcast_to(rng.integers(40, 220, 3), (height, width, 3)).copy()
        flat[: height // 2] = 255 - flat[: height // 2]
        save_image(image, flat.astype(np.uint8), turned=name == "turned")
        write_mask(masks / f"{name}.png", blocks(rng, height, width))
        size = (height, width)
        items.append(ExportItem(name, image, masks, height, width, split, (0,), confidence, False, size))
    return correction_order(items)


@pytest.fixture
def change(items: tuple[ExportItem, ...]) -> Callable[[np.ndarray], ExportItem]:
    """Replaces the mask of the first item."""

    def write(mask: np.ndarray) -> ExportItem:
        write_mask(mask_path(items[0].masks, items[0]), mask)
        return items[0]

    return write
