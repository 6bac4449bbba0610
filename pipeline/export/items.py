"""What is handed over: a photo, its mask, and how sure the mask is."""

import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

import numpy as np
from tqdm import tqdm

from pipeline.data.files import inside, write_bytes, write_csv
from pipeline.data.manifest import Split
from pipeline.data.pictures import (
    IGNORE,
    Mask,
    image_size,
    photo_format,
    photo_jpeg,
    read_image,
    read_mask,
)

OPEN = "ignore"  # the label of pixels that the mask leaves open, in formats that know labels only
JPEGS = ("JPEG", "MPO")  # MPO: of phones, a JPEG with more pictures behind the first
BACKGROUND = -1  # beside class indices
COLUMNS = ("name", "split", "confidence")


@dataclass(frozen=True)
class Item:
    """One photo with its mask."""

    name: str  # unique; path below the photo folder without suffix, with `/`
    photo: Path
    mask: Path
    height: int  # pixels, upright
    width: int
    split: Split
    labels: tuple[int, ...]  # class indices
    confidence: float  # in [0, 1], see `pipeline.masks.confidence`


def correction_order(items: Iterable[Item]) -> tuple[Item, ...]:
    """The classes in turn, of each the most doubtful mask that is left; then masks that are sure, by name.

    So a few masks from the top are of all classes. It is the turn of the class that came up least so far, of
    several the one with the most doubtful mask. A photo counts for each of its labels, one without labels for
    the background, and so do the sure ones, which somebody may have corrected before.

    Masks of many labels are nearly always less sure than those of few. So a mask is as doubtful as it is less
    sure than the mean of those with as many labels.
    """
    given = sorted(items, key=lambda item: item.name)
    sure = [item for item in given if item.confidence == 1]
    unsure = [item for item in given if item.confidence < 1]
    usual = _mean_confidence(unsure)

    def rank(item: Item) -> tuple[float, str]:
        return item.confidence - usual[len(item.labels)], item.name

    turns = Counter(label for item in sure for label in _turns_of(item))
    waiting: dict[int, deque[Item]] = defaultdict(deque)
    for item in sorted(unsure, key=rank):
        for label in _turns_of(item):
            waiting[label].append(item)
    taken: dict[str, Item] = {}
    while waiting:
        label = min(waiting, key=lambda label: (turns[label], rank(waiting[label][0])))
        item = waiting[label].popleft()
        if item.name not in taken:
            taken[item.name] = item
            turns.update(_turns_of(item))
        if not waiting[label]:
            del waiting[label]
    return (*taken.values(), *sure)


def _mean_confidence(items: Iterable[Item]) -> dict[int, float]:
    """By the number of labels."""
    groups: dict[int, list[float]] = defaultdict(list)
    for item in items:
        groups[len(item.labels)].append(item.confidence)
    return {count: fmean(group) for count, group in groups.items()}


def _turns_of(item: Item) -> tuple[int, ...]:
    return item.labels or (BACKGROUND,)


def progress(items: Sequence[Item], format: str) -> Iterable[Item]:
    """`items` under a progress bar, which hides itself where stderr is no terminal."""
    return iter(tqdm(items, f"export ({format})", unit="mask", disable=None))


def item_mask(item: Item, classes: Sequence[str]) -> Mask:
    """The mask of `item`, uint8 (H, W): 0, class index + 1, or 255.

    Raises:
        ValueError: it is unreadable, not of the photo's size, or has an id without a class.
    """
    mask = read_mask(item.mask)
    if mask.shape != (item.height, item.width):
        raise ValueError(
            f"mask {item.mask}: expected {item.height} x {item.width} pixels as the photo has, "
            f"got {mask.shape[0]} x {mask.shape[1]}. Run `make repro` again."
        )
    highest = int(mask.max(initial=0, where=mask != IGNORE))
    if highest > len(classes):
        raise ValueError(
            f"mask {item.mask}: expected ids 0..{len(classes)} or 255, got {highest}. Run `make repro` again."
        )
    return mask


def labels_of(mask: Mask) -> tuple[int, ...]:
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
        raise ValueError(
            f"{what} {text!r}: expected no line break, no space at its ends, no # in front{also}, since the "
            "format cannot write them. Rename it, or take the format coco, labelstudio or png."
        )


def copy_photo(item: Item, folder: Path, *, jpeg: bool = False) -> str:
    """Copy the photo to `folder/NAME.SUFFIX` and return that path relative to `folder`, with `/`.

    A photo that EXIF turns, and with `jpeg` one that is no JPEG, is written anew, upright, as JPEG: not every
    reader turns photos, and the masks are upright.

    Raises:
        ValueError: the photo cannot be read, has another size than its mask, or a name that leaves `folder`.
    """
    size = image_size(item.photo)
    if size != (item.height, item.width):
        raise ValueError(
            f"{item.photo}: expected {item.height} x {item.width} pixels, got {size[0]} x {size[1]}. "
            "It has changed: run `make repro` again."
        )
    kind, turned = photo_format(item.photo)
    anew = turned or (jpeg and kind not in JPEGS)
    file = item.name + (".jpg" if anew or jpeg else item.photo.suffix)
    content = photo_jpeg(read_image(item.photo, math.inf)) if anew else item.photo.read_bytes()
    write_bytes(inside(folder, file), content)
    return file


def write_confidence(file: Path, items: Sequence[Item]) -> None:
    """Write name, split and confidence of each item, in their order."""
    rows = [{"name": i.name, "split": i.split, "confidence": i.confidence} for i in items]
    write_csv(file, COLUMNS, rows)


def write_classes(file: Path, classes: Sequence[str]) -> None:
    """Write one class per line, in the order of the ids from 1."""
    write_bytes(file, "".join(f"{name}\n" for name in classes).encode())
