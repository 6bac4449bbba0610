"""COCO's JSON with run lengths."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.base.files import write_text
from pipeline.data.images import IGNORE, Mask
from pipeline.export.items import (
    ExportItem,
    copy_image,
    item_mask,
    label_ids_of,
    label_name,
    progress,
    write_confidence,
)
from pipeline.formats.coco_rle import bounding_box, encode_runs

CocoObject = dict[str, Any]


def export_coco(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `annotations.json`, `images/` and `confidence.csv` to `folder`.

    Raises:
        ValueError: see `item_mask`, `copy_image`.
    """
    images: list[CocoObject] = []
    annotations: list[CocoObject] = []
    for number, item in enumerate(progress(items, "coco"), start=1):
        images.append(image_entry(number, item, copy_image(item, folder / "images")))
        for entry in segments(number, item_mask(item, classes), item.confidence):
            annotations.append({"id": len(annotations) + 1, **entry})
    has_open = any(entry["category_id"] == IGNORE for entry in annotations)
    whole = {
        "info": {"description": "masks by camseg, those to correct first in front"},
        "images": images,
        "annotations": annotations,
        "categories": categories(classes, has_open=has_open),
    }
    text = json.dumps(whole, ensure_ascii=False, allow_nan=False)
    write_text(folder / "annotations.json", text + "\n")
    write_confidence(folder / "confidence.csv", items)


def image_entry(number: int, item: ExportItem, file: str) -> CocoObject:
    """One image; `split` and `confidence` are ours, readers pass over them."""
    size = {"height": item.height, "width": item.width}
    return {"id": number, "file_name": file, **size, "split": item.split, "confidence": item.confidence}


def segments(image: int, mask: Mask, score: float) -> Iterator[CocoObject]:
    """One annotation for each label of the mask: all its pixels together, as in COCO's stuff.

    Masks know classes, not objects: two dogs are one annotation. Open pixels are a crowd, which COCO's scores
    leave out.
    """
    for label in label_ids_of(mask):
        region = mask == label
        runs = encode_runs(region)
        yield {
            "image_id": image,
            "category_id": label,
            "segmentation": runs,
            "area": int(region.sum()),
            "bbox": bounding_box(runs),
            "iscrowd": int(label == IGNORE),
            "score": score,
        }


def categories(classes: Sequence[str], *, has_open: bool) -> list[CocoObject]:
    """The classes by the ids of the masks, and 255 where masks leave pixels open."""
    ids = [*range(1, len(classes) + 1), *([IGNORE] if has_open else [])]
    return [{"id": label, "name": label_name(label, classes), "supercategory": ""} for label in ids]
