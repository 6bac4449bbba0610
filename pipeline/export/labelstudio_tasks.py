"""Masks as tasks of Label Studio, with each mask as a prediction of the brush."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from pipeline.base.files import write_text
from pipeline.data.images import Mask
from pipeline.export.items import ExportItem, copy_image, label_ids_of, label_name, named_ids, read_masks
from pipeline.formats.labelstudio_rle import encode_brush
from pipeline.formats.palette import voc_palette

LOCAL_FILES = "/data/local-files/?d="  # where Label Studio serves files below its document root
CONFIG = """<View>
  <Image name="image" value="$image" zoom="true"/>
  <BrushLabels name="label" toName="image">
{labels}
  </BrushLabels>
</View>
"""


def export_labelstudio(
    items: Sequence[ExportItem], classes: Sequence[str], folder: Path, version: str
) -> None:
    """Write `tasks.json`, `config.xml` and `images/` to `folder`.

    Args:
        version: what made the masks; Label Studio shows it as the model version.
    """
    tasks, mask_ids = [], set[int]()
    for item, mask in read_masks(items, classes, "labelstudio"):
        mask_ids.update(label_ids_of(mask))
        file = copy_image(item, folder / "images")
        tasks.append(make_task(item, file, brush_regions(mask, classes), version))
    write_text(folder / "tasks.json", json.dumps(tasks, ensure_ascii=False, allow_nan=False) + "\n")
    write_text(folder / "config.xml", label_config(named_ids(classes, mask_ids), classes))


def make_task(item: ExportItem, file: str, regions: list[dict[str, Any]], version: str) -> dict[str, Any]:
    """One image; the confidence is there twice, since the data manager sorts by data and by predictions."""
    data = {"image": f"{LOCAL_FILES}images/{quote(file)}", "name": item.name, "confidence": item.confidence}
    prediction = {"model_version": version, "score": item.confidence, "result": regions}
    return {"data": data, "predictions": [prediction]}


def brush_regions(mask: Mask, classes: Sequence[str]) -> list[dict[str, Any]]:
    """One brush region for each id of the mask."""
    height, width = mask.shape
    return [
        {
            "id": f"label-{label_id}",
            "type": "brushlabels",
            "from_name": "label",
            "to_name": "image",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": {
                "format": "rle",
                "rle": encode_brush(mask == label_id),
                "brushlabels": [label_name(label_id, classes)],
            },
        }
        for label_id in label_ids_of(mask)
    ]


def label_config(ids: Sequence[int], classes: Sequence[str]) -> str:
    """The labelling interface with the labels in the colours of VOC; the colour of open pixels is light."""
    colours = voc_palette()
    labels = "\n".join(
        f'    <Label value={quoteattr(label_name(i, classes))} background="#{colours[i].tobytes().hex()}"/>'
        for i in ids
    )
    return CONFIG.format(labels=labels)
