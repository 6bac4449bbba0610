"""Masks as COCO's JSON with run lengths."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.base.files import json_list, write_parts
from pipeline.data.images import IGNORE, Mask
from pipeline.export.items import ExportItem, copy_image, label_ids_of, label_name, named_ids, read_masks
from pipeline.formats.coco_rle import bounding_box, encode_runs

CocoObject = dict[str, Any]


def export_coco(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `annotations.json` and `images/` to `folder`."""
    files = (copy_image(item, folder / "images") for item in items)
    write_parts(folder / "annotations.json", annotation_file(items, classes, files))


def annotation_file(
    items: Sequence[ExportItem], classes: Sequence[str], files: Iterable[str]
) -> Iterator[bytes]:
    """`annotations.json` in parts; `files` has the path of each image."""
    mask_ids: set[int] = set()
    yield b'{"info": {"description": "masks by camseg, those to correct first in front"}, "images": '
    yield from json_list(
        image_entry(i, item, file) for i, (item, file) in enumerate(zip(items, files, strict=True), 1)
    )
    yield b', "annotations": '
    yield from json_list(annotations(items, classes, mask_ids))
    ids = named_ids(classes, mask_ids)
    yield b', "categories": '
    yield from json_list({"id": i, "name": label_name(i, classes), "supercategory": ""} for i in ids)
    yield b"}\n"


def annotations(
    items: Sequence[ExportItem], classes: Sequence[str], mask_ids: set[int]
) -> Iterator[CocoObject]:
    """The annotations of all masks, numbered; adds the ids of the masks to `mask_ids`."""
    numbers = itertools.count(1)
    for image_number, (item, mask) in enumerate(read_masks(items, classes, "coco"), start=1):
        for segment in segments(image_number, mask, item.confidence):
            mask_ids.add(segment["category_id"])
            yield {"id": next(numbers), **segment}


def image_entry(number: int, item: ExportItem, file: str) -> CocoObject:
    """One image; `split` and `confidence` are additions that COCO's readers ignore."""
    size = {"height": item.height, "width": item.width}
    return {"id": number, "file_name": file, **size, "split": item.split, "confidence": item.confidence}


def segments(image_number: int, mask: Mask, confidence: float) -> Iterator[CocoObject]:
    """One annotation for each id of the mask, with all its pixels, as in COCO's stuff annotations.

    Masks know classes, not objects: two dogs are one annotation. Open pixels are a crowd, so that COCO's
    metrics leave them out.
    """
    for label_id in label_ids_of(mask):
        region = mask == label_id
        runs = encode_runs(region)
        yield {
            "image_id": image_number,
            "category_id": label_id,
            "segmentation": runs,
            "area": int(region.sum()),
            "bbox": bounding_box(runs),
            "iscrowd": int(label_id == IGNORE),
            "score": confidence,
        }
