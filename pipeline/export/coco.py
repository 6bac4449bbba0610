"""Masks as COCO's JSON with run lengths."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.base.files import write_text
from pipeline.data.images import IGNORE, Mask
from pipeline.export.items import ExportItem, copy_image, label_ids_of, label_name, named_ids, read_masks
from pipeline.formats.coco_rle import bounding_box, encode_runs

CocoObject = dict[str, Any]


def export_coco(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `annotations.json` and `images/` to `folder`."""
    images: list[CocoObject] = []
    annotations: list[CocoObject] = []
    for number, (item, mask) in enumerate(read_masks(items, classes, "coco"), start=1):
        images.append(image_entry(number, item, copy_image(item, folder / "images")))
        for segment in segments(number, mask, item.confidence):
            annotations.append({"id": len(annotations) + 1, **segment})
    ids = named_ids(classes, {annotation["category_id"] for annotation in annotations})
    content = {
        "info": {"description": "masks by camseg, those to correct first in front"},
        "images": images,
        "annotations": annotations,
        "categories": [{"id": i, "name": label_name(i, classes), "supercategory": ""} for i in ids],
    }
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    write_text(folder / "annotations.json", text + "\n")


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
