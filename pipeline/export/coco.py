"""COCO's JSON: one annotation per image and class, its pixels as compressed run lengths.

Source: COCO's "Data format". Deviation: image-level labels do not tell objects apart, so an annotation
holds all pixels of its class; `iscrowd` is 0 all the same, since readers leave crowds out. The format has no
uncertain pixels: those with 255 in the mask belong to no annotation.
"""

from collections.abc import Iterator, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.files import write_json
from pipeline.data.pictures import IGNORE
from pipeline.export.items import Item, progress
from pipeline.export.rle import encode

Entry = dict[str, Any]


def write_coco(out: Path, items: Sequence[Item], classes: Sequence[str]) -> None:
    """Write `annotations.json`; `file_name` is relative to the folder of the photos, which are not copied.

    Raises:
        ValueError: a mask has the id of no class.
    """
    images, annotations, numbers = [], [], count(1)
    for number, item in enumerate(progress(items, "coco"), 1):
        images.append(image_entry(number, item))
        for annotation in annotations_of(item, len(classes)):
            annotations.append({"id": next(numbers), "image_id": number, **annotation})
    categories = [{"id": i, "name": name, "supercategory": ""} for i, name in enumerate(classes, 1)]
    write_json(
        out / "annotations.json", {"images": images, "categories": categories, "annotations": annotations}
    )


def image_entry(number: int, item: Item) -> Entry:
    """The photo, by the name of its file."""
    sample = item.sample
    return {"id": number, "file_name": sample.image, "height": sample.height, "width": sample.width}


def annotations_of(item: Item, classes: int) -> Iterator[Entry]:
    """One entry for each class that the mask shows; `score` is the confidence of the whole mask.

    Raises:
        ValueError: an id is above `classes`, and not 255.
    """
    mask = item.read()
    found = [int(label) for label in np.unique(mask) if label not in (0, IGNORE)]
    if found and found[-1] > classes:
        raise ValueError(
            f"{item.mask}: expected ids 0..{classes} or {IGNORE}, got {found[-1]}. Run `make repro` again"
        )
    score = {} if item.confidence is None else {"score": round(item.confidence, 6)}
    for label in found:
        pixels = mask == label
        area, box = int(pixels.sum()), bounding_box(pixels)
        yield {
            "category_id": label,
            "segmentation": encode(pixels),
            "area": area,
            "bbox": box,
            "iscrowd": 0,
            **score,
        }


def bounding_box(pixels: NDArray[np.bool_]) -> list[int]:
    """[column, row, width, height] in pixels of the smallest box around the True of (H, W); some are."""
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    top, left = int(rows[0]), int(columns[0])
    return [left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1]
