"""What every export format shares: an image with its mask and confidence, checks, names and copies."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from pipeline.base.files import safe_join, write_bytes, write_csv
from pipeline.base.problems import listed
from pipeline.data.images import (
    IGNORE,
    Mask,
    encode_jpeg,
    image_format,
    image_size,
    read_image,
    read_mask,
    resize_mask,
)
from pipeline.data.manifest import Split
from pipeline.data.mask_store import mask_path, mask_png_of
from pipeline.data.pixels.decoding import is_shown_so
from pipeline.data.pixels.reading import AS_IT_IS, ImageReading
from pipeline.errors import UserError

OPEN = "ignore"  # the label of open pixels, in formats that know labels only
JPEGS = ("JPEG", "MPO")  # MPO: a JPEG of a phone, with more images behind the first
COLUMNS = ("name", "split", "confidence", "corrected")


@dataclass(frozen=True)
class ExportItem:
    """One image with its mask."""

    name: str  # unique; path below the image folder without suffix, with `/`
    image: Path
    masks: Path  # the folder with its mask, see `load_mask`
    height: int  # pixels, upright, of the image; its mask may be smaller
    width: int
    split: Split
    labels: tuple[int, ...]  # class indices
    confidence: float  # of the mask, in [0, 1]
    corrected: bool  # a person made the mask: there is nothing left to correct
    mask_size: tuple[int, int]  # height and width of the mask in pixels
    reading: ImageReading = AS_IT_IS  # how the image becomes 8-bit RGB


def read_masks(
    items: Sequence[ExportItem], classes: Sequence[str], format: str
) -> Iterator[tuple[ExportItem, Mask]]:
    """Each item with its checked mask, under a progress bar that hides itself where stderr is no terminal."""
    for item in tqdm(items, f"export ({format})", unit="mask", disable=None):
        yield item, item_mask(item, classes)


def item_mask(item: ExportItem, classes: Sequence[str]) -> Mask:
    """The mask of `item` at the size of the image, uint8 (H, W): 0, class index + 1, or 255.

    Raises:
        UserError: the mask is unreadable, has another size than `prepare` says, or an id without a class.
    """
    file = mask_path(item.masks, item)
    mask = read_mask(file, content=mask_png_of(item.masks, item))
    if mask.shape != item.mask_size:
        height, width = item.mask_size
        raise UserError(
            f"mask {file}: expected {height} x {width} pixels as the data set says, "
            f"got {mask.shape[0]} x {mask.shape[1]}. Run `camseg run` again."
        )
    highest = int(mask.max(initial=0, where=mask != IGNORE))
    if highest > len(classes):
        raise UserError(
            f"mask {file}: expected ids 0..{len(classes)} or 255, got {highest}. Run `camseg run` again."
        )
    return resize_mask(mask, (item.height, item.width))


def label_ids_of(mask: Mask) -> tuple[int, ...]:
    """The ids of the mask in rising order, without the background; 255 is the last."""
    return tuple(int(label_id) for label_id in np.unique(mask) if label_id)


def named_ids(classes: Sequence[str], ids: Iterable[int]) -> list[int]:
    """The ids that a format must name: those of all classes, and 255 if it is among `ids`."""
    return [*range(1, len(classes) + 1), *([IGNORE] if IGNORE in ids else [])]


def label_name(label_id: int, classes: Sequence[str]) -> str:
    """The name of an id above 0; of 255 `ignore`, with underscores as long as a class has that name."""
    if label_id != IGNORE:
        return classes[label_id - 1]
    name = OPEN
    while name in classes:
        name += "_"
    return name


def check_lines(texts: Iterable[str], what: str, *, forbidden: str = "") -> None:
    """Refuse texts that a list of lines cannot hold, since readers of the list strip its lines.

    Args:
        what: they are, in the plural.

    Raises:
        UserError: some are empty, start with #, have a space at an end, a line break, or a character of
            `forbidden`; the message counts and names them.
    """
    broken = [repr(text) for text in texts if _is_broken(text, forbidden)]
    if broken:
        also = f", and none of {forbidden!r}" if forbidden else ""
        raise UserError(
            f"{what}: expected no line break, no space at their ends, no # in front{also}, since the format "
            f"cannot write them, got {len(broken)} others: {listed(broken)}. Rename them, or take the format "
            "coco, labelstudio or png."
        )


def _is_broken(text: str, forbidden: str) -> bool:
    """Whether a line would not come back as it was written."""
    stripped = len(text.splitlines()) != 1 or text != text.strip() or text.startswith("#")
    return stripped or any(character in text for character in forbidden)


def copy_image(item: ExportItem, folder: Path, *, jpeg: bool = False) -> str:
    """Copy the image to `folder/NAME.SUFFIX`; its path relative to `folder`, with `/`.

    An image that EXIF turns, or that other programs show otherwise than the model sees it, is written again
    as an upright JPEG: masks are upright, and some readers ignore EXIF. With `jpeg`, every image that is no
    JPEG becomes one.

    Raises:
        UserError: the image is unreadable, has another size than its mask, or its name leaves `folder`.
    """
    size = image_size(item.image)
    if size != (item.height, item.width):
        raise UserError(
            f"{item.image}: expected {item.height} x {item.width} pixels, got {size[0]} x {size[1]}. "
            "It has changed: run `camseg run` again."
        )
    kind, turned = image_format(item.image)
    encode = turned or (jpeg and kind not in JPEGS) or not is_shown_so(item.image, item.reading)
    file = item.name + (".jpg" if encode or jpeg else item.image.suffix)
    content = (
        encode_jpeg(read_image(item.image, math.inf, item.reading)) if encode else item.image.read_bytes()
    )
    write_bytes(safe_join(folder, file), content)
    return file


def write_confidence(folder: Path, items: Sequence[ExportItem]) -> None:
    """Write `confidence.csv`: name, split, confidence and corrected (0 or 1) of each item in order."""
    rows = [(item.name, item.split, item.confidence, int(item.corrected)) for item in items]
    write_csv(folder / "confidence.csv", COLUMNS, (dict(zip(COLUMNS, row, strict=True)) for row in rows))
