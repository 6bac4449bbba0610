"""Tasks of Label Studio with the masks as predictions of the brush."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from pipeline.base.files import write_text
from pipeline.data.images import Mask
from pipeline.export.items import (
    ExportItem,
    copy_image,
    item_mask,
    label_ids_of,
    label_name,
    progress,
    write_confidence,
)
from pipeline.formats.brush import encode_brush
from pipeline.formats.palette import voc_palette

LOCAL_FILES = "/data/local-files/?d="  # where Label Studio serves files below its document root


def export_labelstudio(
    items: Sequence[ExportItem], classes: Sequence[str], folder: Path, version: str
) -> None:
    """Write `tasks.json`, `config.xml`, `images/` and `confidence.csv` to `folder`.

    Args:
        version: names in Label Studio what made the masks.

    Raises:
        ValueError, OSError: see `item_mask`, `copy_image`, `encode_brush`.
    """
    tasks, used = [], set(range(1, len(classes) + 1))
    for item in progress(items, "labelstudio"):
        mask = item_mask(item, classes)
        used |= set(label_ids_of(mask))
        file = copy_image(item, folder / "images")
        tasks.append(make_task(item, file, regions(mask, classes), version))
    write_text(folder / "tasks.json", json.dumps(tasks, ensure_ascii=False, allow_nan=False) + "\n")
    write_text(folder / "config.xml", config(sorted(used), classes))
    write_confidence(folder / "confidence.csv", items)


def make_task(item: ExportItem, file: str, result: list[dict[str, Any]], version: str) -> dict[str, Any]:
    """One image; the score is there twice, since the data manager sorts by data and by predictions."""
    data = {"image": f"{LOCAL_FILES}images/{quote(file)}", "name": item.name, "confidence": item.confidence}
    prediction = {"model_version": version, "score": item.confidence, "result": result}
    return {"data": data, "predictions": [prediction]}


def regions(mask: Mask, classes: Sequence[str]) -> list[dict[str, Any]]:
    """One brush region for each label of the mask."""
    height, width = mask.shape
    return [
        {
            "id": f"label-{label}",
            "type": "brushlabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {
                "format": "rle",
                "rle": encode_brush(mask == label),
                "brushlabels": [label_name(label, classes)],
            },
        }
        for label in label_ids_of(mask)
    ]


def config(labels: Sequence[int], classes: Sequence[str]) -> str:
    """The labelling interface with the labels in the colours of VOC; open pixels are light."""
    colours = voc_palette()
    lines = [
        f"    <Label value={quoteattr(label_name(label, classes))} "
        f'background="#{colours[label].tobytes().hex()}"/>'
        for label in labels
    ]
    return "\n".join(
        [
            "<View>",
            '  <Image name="image" value="$image" zoom="true"/>',
            '  <BrushLabels name="label" toName="image">',
            *lines,
            "  </BrushLabels>",
            "</View>",
            "",
        ]
    )
