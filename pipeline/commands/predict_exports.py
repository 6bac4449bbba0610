"""The masks of `camseg predict` in other formats, beside the masks."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from pipeline.base.files import safe_join, write_lines, write_parts
from pipeline.commands.unfinished import MASKS
from pipeline.data.images import image_size
from pipeline.data.sources.documents import CLASS_LIST
from pipeline.export.coco import annotation_file
from pipeline.export.geojson import export_geojson
from pipeline.export.items import ExportItem, read_masks
from pipeline.export.yolo import mask_lines

Export = Callable[[Sequence[ExportItem], Sequence[str], Path], None]


def predicted_items(
    out: Path, images: Mapping[str, Path], confidences: Mapping[str, float]
) -> list[ExportItem]:
    """The images with a mask in `out`, with the confidence of each."""
    items = []
    for name in confidences:
        size = image_size(images[name])
        confidence = round(confidences[name], 4)
        items.append(
            ExportItem(name, images[name], out / MASKS, *size, "test", (), confidence, False, mask_size=size)
        )
    return items


def write_coco(items: Sequence[ExportItem], classes: Sequence[str], out: Path) -> None:
    """`annotations.json` with the paths of the images as they were given."""
    files = (item.image.as_posix() for item in items)
    write_parts(out / "annotations.json", annotation_file(items, classes, files))


def write_geojson(items: Sequence[ExportItem], classes: Sequence[str], out: Path) -> None:
    """`geojson/NAME.geojson`."""
    export_geojson(items, classes, out / "geojson")


def write_yolo(items: Sequence[ExportItem], classes: Sequence[str], out: Path) -> None:
    """`yolo/NAME.txt`, and the class names in the order of their numbers."""
    for item, mask in read_masks(items, classes, "yolo"):
        write_lines(safe_join(out / "yolo", f"{item.name}.txt"), mask_lines(mask))
    write_lines(out / "yolo" / CLASS_LIST, classes)


EXPORTS: dict[str, Export] = {"coco": write_coco, "geojson": write_geojson, "yolo": write_yolo}
