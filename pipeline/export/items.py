"""What is handed over: an image, its mask, and the confidence of the mask."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline.base.files import safe_join, write_bytes, write_csv
from pipeline.data.images import (
    IGNORE,
    Mask,
    encode_jpeg,
    image_format,
    image_size,
    read_image,
    read_mask,
)
from pipeline.data.manifest import Split
from pipeline.errors import UserError

OPEN = "ignore"  # the label of pixels that the mask leaves open, in formats that know labels only
JPEGS = ("JPEG", "MPO")  # MPO: of phones, a JPEG with more images behind the first
COLUMNS = ("name", "split", "confidence", "corrected")


@dataclass(frozen=True)
class ExportItem:
    """One image with its mask."""

    name: str  # unique; path below the image folder without suffix, with `/`
    image: Path
    mask: Path
    height: int  # pixels, upright
    width: int
    split: Split
    labels: tuple[int, ...]  # class indices
    confidence: float  # in [0, 1], see `pipeline.masks.confidence`
    corrected: bool  # the mask is made by a human: nothing is left to correct


def progress(items: Sequence[ExportItem], format: str) -> Iterable[ExportItem]:
    """`items` under a progress bar, which hides itself where stderr is no terminal."""
    return iter(tqdm(items, f"export ({format})", unit="mask", disable=None))


def item_mask(item: ExportItem, classes: Sequence[str]) -> Mask:
    """The mask of `item`, uint8 (H, W): 0, class index + 1, or 255.

    Raises:
        ValueError: it is unreadable, not of the image's size, or has an id without a class.
    """
    mask = read_mask(item.mask)
    if mask.shape != (item.height, item.width):
        raise UserError(
            f"mask {item.mask}: expected {item.height} x {item.width} pixels as the image has, "
            f"got {mask.shape[0]} x {mask.shape[1]}. Run `make repro` again."
        )
    highest = int(mask.max(initial=0, where=mask != IGNORE))
    if highest > len(classes):
        raise UserError(
            f"mask {item.mask}: expected ids 0..{len(classes)} or 255, got {highest}. Run `make repro` again."
        )
    return mask


def label_ids_of(mask: Mask) -> tuple[int, ...]:
    """The ids of the mask in rising order, without the background; 255 is the last."""
    return tuple(int(label) for label in np.unique(mask) if label)


def label_name(label: int, classes: Sequence[str]) -> str:
    """Name of an id above 0; of 255 `ignore`, with underscores as long as a class has that name."""
    if label != IGNORE:
        return classes[label - 1]
    name = OPEN
    while name in classes:
        name += "_"
    return name


def check_line(text: str, what: str, *, forbidden: str = "") -> None:
    """Refuse what does not survive as a line of a list whose readers strip lines.

    Raises:
        ValueError: `text` is empty, starts with #, has a space at its ends, a line break, or a character of
            `forbidden`.
    """
    broken = len(text.splitlines()) != 1 or text != text.strip() or text.startswith("#")
    if broken or any(character in text for character in forbidden):
        also = f", and none of {forbidden!r}" if forbidden else ""
        raise UserError(
            f"{what} {text!r}: expected no line break, no space at its ends, no # in front{also}, since the "
            "format cannot write them. Rename it, or take the format coco, labelstudio or png."
        )


def copy_image(item: ExportItem, folder: Path, *, jpeg: bool = False) -> str:
    """Copy the image to `folder/NAME.SUFFIX` and return that path relative to `folder`, with `/`.

    An image that EXIF turns is written anew, upright, as JPEG: not every reader turns images, and the masks
    are upright. With `jpeg`, so is an image that is no JPEG.

    Raises:
        ValueError: the image cannot be read, has another size than its mask, or a name that leaves `folder`.
    """
    size = image_size(item.image)
    if size != (item.height, item.width):
        raise UserError(
            f"{item.image}: expected {item.height} x {item.width} pixels, got {size[0]} x {size[1]}. "
            "It has changed: run `make repro` again."
        )
    kind, turned = image_format(item.image)
    anew = turned or (jpeg and kind not in JPEGS)
    file = item.name + (".jpg" if anew or jpeg else item.image.suffix)
    content = encode_jpeg(read_image(item.image, math.inf)) if anew else item.image.read_bytes()
    write_bytes(safe_join(folder, file), content)
    return file


def write_confidence(file: Path, items: Sequence[ExportItem]) -> None:
    """Write name, split and confidence of each item, and whether it was corrected, in their order."""
    rows = [(item.name, item.split, item.confidence, int(item.corrected)) for item in items]
    write_csv(file, COLUMNS, (dict(zip(COLUMNS, row, strict=True)) for row in rows))


def write_classes(file: Path, classes: Sequence[str]) -> None:
    """Write one class per line, in the order of the ids from 1."""
    write_bytes(file, "".join(f"{name}\n" for name in classes).encode())
