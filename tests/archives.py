"""PASCAL VOC 2012 and MS COCO 2014 with a handful of images, in the layout of their unpacked archives.

Objects are rectangles in the cells of a grid. So a test knows each pixel of each mask.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import count, groupby
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torchvision.models.detection import FasterRCNN_ResNet50_FPN_Weights

from pipeline.base.files import write_json, write_lines
from pipeline.formats.palette import voc_palette

Pixels = NDArray[np.uint8]
Box = tuple[slice, slice]  # rows, columns
SbdKind = Literal["L", "P"]  # grey masks | masks with a palette of 21 colours, and outlines as VOC has them

VOID = 255
CELL = 24  # pixels of a side
VOC_CELLS = (3, 2)  # rows, columns of the grid
COCO_CELLS = (3, 4)

VOC_CLASSES = (  # in the order of their ids: VOCcode/VOCinit.m
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train"),
    "tvmonitor",
)
# The objects of an image, a cell each. `?`: difficult, and void in the mask.
VOC_TRAIN = {
    "2007_000032": ["aeroplane", "aeroplane", "person", "bicycle"],
    "2007_000039": ["tvmonitor", "bottle", "chair", "diningtable"],
    "2007_000063": ["dog", "sofa", "cat", "person?"],
    "2007_000068": ["bird", "boat", "sheep", "cow"],
    "2008_000008": ["horse", "motorbike", "bus", "train"],
    "2008_000015": ["car", "pottedplant", "person", "person"],
}
VOC_VAL = {
    "2007_000033": ["aeroplane", "person"],
    "2007_000061": ["boat", "dog", "person?", "sofa"],
    "2008_000009": ["train", "car"],
}
SBD = {  # images of VOC 2012 that only SBD has masks of
    "2008_000002": ["tvmonitor"],
    "2008_000003": ["train", "person"],
    "2011_003353": ["cat", "dog"],
}
BOXED = {"2008_000023": ["chair"], "2009_000001": ["bus"]}  # with boxes alone; in no list of Segmentation/

COCO_IDS = {  # from 1 to 90: ten ids mean nothing
    i: name
    for i, name in enumerate(FasterRCNN_ResNet50_FPN_Weights.DEFAULT.meta["categories"])
    if name not in ("N/A", "__background__")
}
COCO_CLASSES = tuple(COCO_IDS.values())
COCO_GREY = ("train", 3)  # split and number of the image without colour


@dataclass(frozen=True)
class CocoObject:
    """An annotation of an image."""

    category: int  # index of COCO_CLASSES
    boxes: tuple[Box, ...]  # the parts of its outline
    crowd: bool = False


def cell_box(columns: int, cell: int) -> Box:
    """The rectangle in a cell of a grid, with 4 pixels around it; cells count along the rows."""
    top, left = (CELL * place for place in divmod(cell, columns))
    return slice(top + 4, top + CELL - 4), slice(left + 4, left + CELL - 4)


def grid_size(cells: tuple[int, int]) -> tuple[int, int]:
    """Height and width of an image in pixels."""
    return CELL * cells[0], CELL * cells[1]


def coco_objects(split: str) -> list[list[CocoObject]]:
    """The objects of the images of a split: all categories in `train`, ten an image.

    The last two of each split are an image of a crowd alone, and one without any object.
    """
    crowd = [CocoObject(0, (cell_box(4, 5), cell_box(4, 6)), crowd=True)]
    if split == "val":
        alone = [CocoObject(category, (cell_box(4, category % 12),)) for category in (0, 16, 79)]
        return [alone, crowd, []]
    images = [[CocoObject(10 * n + i, (cell_box(4, i),)) for i in range(10)] for n in range(8)]
    rows, columns = cell_box(4, 10)
    images[0].append(CocoObject(0, (cell_box(4, 10),), crowd=True))
    halves = ((rows, slice(columns.start, columns.start + 6)), (rows, slice(columns.stop - 6, columns.stop)))
    images[1].append(CocoObject(10, halves))  # behind something: two parts
    images[1].append(CocoObject(11, (halves[1],)))  # it lies over the second part
    return [*images, crowd, []]


def coco_mask(objects: Iterable[CocoObject]) -> Pixels:
    """Ids uint8 (H, W): category index + 1, 255 in crowds and where two categories overlap."""
    mask = np.zeros(grid_size(COCO_CELLS), np.uint8)
    for thing in objects:
        for box in thing.boxes:
            other = (mask[box] != 0) & (mask[box] != thing.category + 1)
            mask[box] = np.where(other | thing.crowd, VOID, thing.category + 1)
    return mask


def voc_mask(objects: Sequence[str], outline: int = 1, numbers: bool = False) -> Pixels:
    """What SegmentationClass/ holds, uint8 (H, W); with `numbers`, SegmentationObject/.

    Args:
        outline: pixels of 255 around each object; without, difficult objects are drawn too, as in SBD.
    """
    mask = np.zeros(grid_size(VOC_CELLS), np.uint8)
    for cell, name in enumerate(objects):
        rows, columns = cell_box(2, cell)
        top, left = rows.start - outline, columns.start - outline
        mask[top : rows.stop + outline, left : columns.stop + outline] = VOID
        if not name.endswith("?") or not outline:
            mask[rows, columns] = cell + 1 if numbers else 1 + VOC_CLASSES.index(name.removesuffix("?"))
    return mask


def sbd_mask(objects: Sequence[str], kind: SbdKind) -> Pixels:
    """What SegmentationClassAug/ holds, uint8 (H, W)."""
    return voc_mask(objects, outline=int(kind == "P"))


def draw_image(mask: Pixels, seed: int) -> Pixels:
    """Noise around a colour for each id, uint8 (H, W, 3)."""
    noise = np.random.default_rng(seed).normal(0, 20, (*mask.shape, 3))
    return np.clip(voc_palette()[mask].astype(float) / 2 + 60 + noise, 0, 255).astype(np.uint8)


def make_voc2012(folder: Path, sbd: SbdKind | None = None) -> Path:
    """VOCdevkit/VOC2012 below `folder`, as VOCtrainval_11-May-2012.tar has it; returns the year's folder.

    Args:
        sbd: add the masks and the list of SBD.
    """
    year = folder / "VOCdevkit" / "VOC2012"
    for seed, (name, objects) in enumerate((VOC_TRAIN | VOC_VAL | SBD | BOXED).items()):
        _save(year / f"JPEGImages/{name}.jpg", Image.fromarray(draw_image(voc_mask(objects), seed)))
        _write(year / f"Annotations/{name}.xml", _voc_xml(name, objects))
    for name, objects in (VOC_TRAIN | VOC_VAL).items():
        for kind in ("Class", "Object"):
            mask = Image.fromarray(voc_mask(objects, numbers=kind == "Object"))
            mask.putpalette(voc_palette().tobytes())
            _save(year / f"Segmentation{kind}/{name}.png", mask)
    _write_voc_lists(year / "ImageSets")
    if sbd:
        _add_sbd(year, sbd)
    return year


def _add_sbd(year: Path, kind: SbdKind) -> None:
    """SegmentationClassAug/ with masks of all images, and the list of the training images."""
    for name, objects in (VOC_TRAIN | VOC_VAL | SBD).items():
        mask = Image.fromarray(sbd_mask(objects, kind))
        if kind == "P":
            mask.putpalette(voc_palette()[:21].tobytes())
        _save(year / f"SegmentationClassAug/{name}.png", mask)
    lines = [f"/JPEGImages/{name}.jpg /SegmentationClassAug/{name}.png" for name in sorted(VOC_TRAIN | SBD)]
    write_lines(year / "ImageSets/Segmentation/train_aug.txt", lines)


def _write_voc_lists(sets: Path) -> None:
    splits = {"train": VOC_TRAIN, "val": VOC_VAL}
    boxed = {"train": SBD | VOC_TRAIN | BOXED, "val": VOC_VAL}
    for lists in (splits, boxed):
        lists["trainval"] = lists["train"] | lists["val"]
    for split in splits:
        write_lines(sets / f"Segmentation/{split}.txt", sorted(splits[split]))
        write_lines(sets / f"Main/{split}.txt", sorted(boxed[split]))
        write_lines(sets / f"Layout/{split}.txt", [f"{name}  1" for name in sorted(boxed[split])])
        write_lines(sets / f"Action/jumping_{split}.txt", [f"{name}  1 -1" for name in sorted(boxed[split])])
        for label in VOC_CLASSES:
            entries = sorted(boxed[split].items())
            lines = [f"{name} {_shows(objects, label):2d}" for name, objects in entries]
            write_lines(sets / f"Main/{label}_{split}.txt", lines)


def _shows(objects: Sequence[str], label: str) -> int:
    """1: the image shows the class; 0: only in difficult objects; -1: not."""
    return 1 if label in objects else 0 if f"{label}?" in objects else -1


def _voc_xml(name: str, objects: Sequence[str]) -> str:
    height, width = grid_size(VOC_CELLS)
    things = "".join(_voc_object(cell, thing) for cell, thing in enumerate(objects))
    return (
        f"<annotation>\n\t<folder>VOC2012</folder>\n\t<filename>{name}.jpg</filename>\n"
        "\t<source>\n\t\t<database>The VOC2008 Database</database>\n"
        "\t\t<annotation>PASCAL VOC2008</annotation>\n\t\t<image>flickr</image>\n\t</source>\n"
        f"\t<size>\n\t\t<width>{width}</width>\n\t\t<height>{height}</height>\n"
        "\t\t<depth>3</depth>\n\t</size>\n"
        f"\t<segmented>1</segmented>\n{things}</annotation>\n"
    )


def _voc_object(cell: int, thing: str) -> str:
    name = thing.removesuffix("?")
    rows, columns = cell_box(2, cell)
    box = (
        f"<bndbox>\n<xmin>{columns.start + 1}</xmin>\n<ymin>{rows.start + 1}</ymin>\n"
        f"<xmax>{columns.stop}.0</xmax>\n<ymax>{rows.stop}</ymax>\n</bndbox>\n"
    )
    parts = [f"<part>\n<name>{part}</name>\n{box}</part>\n" for part in ("head", "hand") if name == "person"]
    return (
        f"\t<object>\n\t\t<name>{name}</name>\n\t\t<pose>Unspecified</pose>\n\t\t<truncated>1</truncated>\n"
        f"\t\t<occluded>0</occluded>\n{box}\t\t<difficult>{int(thing.endswith('?'))}</difficult>\n"
        f"{''.join(parts)}\t</object>\n"
    )


def make_coco2014(folder: Path) -> Path:
    """train2014/, val2014/ and annotations/, as three of COCO's archives have them; returns `folder`."""
    for split in ("train", "val"):
        images, annotations, numbers = [], [], count(156)
        for number, objects in enumerate(coco_objects(split)):
            image = Image.fromarray(draw_image(coco_mask(objects), 100 * (split == "val") + number))
            file = coco_name(split, number)
            _save(folder / f"{file}.jpg", image.convert("L") if (split, number) == COCO_GREY else image)
            images.append(_coco_image(split, number))
            annotations += [_coco_annotation(next(numbers), coco_id(number), thing) for thing in objects]
        licences = [{"id": 1, "name": "", "url": ""}]
        head: dict[str, Any] = {"info": {"year": 2014}, "images": images[::-1], "licenses": licences}
        categories = [{"supercategory": "", "id": i, "name": name} for i, name in COCO_IDS.items()]
        instances = {**head, "annotations": annotations, "categories": categories}
        persons = {**head, "annotations": annotations[:1], "categories": [{**categories[0], "keypoints": []}]}
        captions = {**head, "annotations": [{"image_id": coco_id(0), "id": 48, "caption": "A dog."}]}
        kinds = {"instances": instances, "person_keypoints": persons, "captions": captions}
        for kind, document in kinds.items():
            write_json(folder / f"annotations/{kind}_{split}2014.json", document)
    return folder


def coco_id(number: int) -> int:
    """The id of an image."""
    return 57870 + 3 * number


def coco_name(split: str, number: int) -> str:
    """The path of an image without its suffix."""
    return f"{split}2014/COCO_{split}2014_{coco_id(number):012d}"


def _coco_image(split: str, number: int) -> dict[str, Any]:
    file, (height, width) = f"{coco_name(split, number).partition('/')[2]}.jpg", grid_size(COCO_CELLS)
    return {
        "license": 1,
        "file_name": file,
        "coco_url": f"http://images.cocodataset.org/{split}2014/{file}",
        "height": height,
        "width": width,
        "date_captured": "2013-11-14 16:28:13",
        "flickr_url": "http://farm4.staticflickr.com/3153/2970773875_164f0c0b83_z.jpg",
        "id": coco_id(number),
    }


def _coco_annotation(identifier: int, image: int, thing: CocoObject) -> dict[str, Any]:
    corners = [(c.start, r.start, c.stop, r.stop) for r, c in thing.boxes]
    left, top, right, bottom = corners[0]
    polygons = [[float(v) for v in (x0, y0, x1, y0, x1, y1, x0, y1)] for x0, y0, x1, y1 in corners]
    return {
        "segmentation": _runs(thing.boxes) if thing.crowd else polygons,
        "area": float((right - left) * (bottom - top)),
        "iscrowd": int(thing.crowd),
        "image_id": image,
        "bbox": [left, top, right - left, bottom - top],
        "category_id": list(COCO_IDS)[thing.category],
        "id": identifier,
    }


def _runs(boxes: Iterable[Box]) -> dict[str, Any]:
    """Run lengths down the columns, those of the background first."""
    drawn = np.zeros(grid_size(COCO_CELLS), bool)
    for box in boxes:
        drawn[box] = True
    pixels = drawn.ravel(order="F").tolist()
    assert not pixels[0]  # else a run of length 0 would come first
    return {"counts": [len(list(run)) for _, run in groupby(pixels)], "size": list(drawn.shape)}


def _save(file: Path, image: Image.Image) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    image.save(file, quality=95)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
