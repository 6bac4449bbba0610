"""The folders of PASCAL VOC 2012, as `torchvision.datasets.VOCSegmentation` and many trainers read them.

Source: the documentation of the VOC 2012 development kit, section 4.
"""

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from pipeline.data.files import inside, write_bytes, write_text
from pipeline.data.pictures import image_size, read_image, write_mask
from pipeline.export.items import Item, progress, size_of
from pipeline.export.png import write_classes

ROOT = Path("VOCdevkit/VOC2012")
QUALITY = 95  # of JPEGs made of other formats
ORIENTATION = 0x0112  # EXIF tag; 1: upright
SETS = {"train": ("train",), "val": ("val",), "trainval": ("train", "val")}  # list of names: its splits


def write_voc(out: Path, items: Sequence[Item], classes: Sequence[str]) -> None:
    """Write `VOCdevkit/VOC2012/{JPEGImages,SegmentationClass,ImageSets/Segmentation}` and `classes.txt`.

    The list `test.txt` is written only where there are test images: VOC 2012 has none with masks.

    Raises:
        ValueError: two samples would get the same name, or a photo has another size than its mask.
    """
    names, root = flat_names([item.sample.name for item in items]), out / ROOT
    for item in progress(items, "voc"):
        name = names[item.sample.name]
        write_mask(inside(root / "SegmentationClass", f"{name}.png"), item.read())
        write_bytes(inside(root / "JPEGImages", f"{name}.jpg"), jpeg(item))
    tests = {"test": ("test",)} if any(item.sample.split == "test" for item in items) else {}
    for title, splits in (SETS | tests).items():
        listed = [names[item.sample.name] for item in items if item.sample.split in splits]
        write_text(
            root / "ImageSets" / "Segmentation" / f"{title}.txt", "".join(f"{name}\n" for name in listed)
        )
    write_classes(out, classes)


def flat_names(names: Sequence[str]) -> dict[str, str]:
    """The names with `__` in the place of each `/`, by name.

    Raises:
        ValueError: two become the same; all of them are listed.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(name.replace("/", "__"), []).append(name)
    same = [f"  {flat}: {', '.join(several)}" for flat, several in found.items() if len(several) > 1]
    if same:
        raise ValueError(
            f"VOC has no sub-folders, and {len(same)} name(s) would stand for several photos. Rename "
            "photos:\n" + "\n".join(same)
        )
    return {several[0]: flat for flat, several in found.items()}


def jpeg(item: Item) -> bytes:
    """The photo as JPEG: the bytes of the file if it is an upright one, else encoded with quality 95.

    Readers of VOC do not apply the rotation of EXIF, which masks have applied.

    Raises:
        ValueError: the photo has not the size that it had when the data set was prepared.
    """
    if image_size(item.photo) != size_of(item):
        raise ValueError(
            f"{item.photo}: expected {size_of(item)} pixels, got {image_size(item.photo)}. It has changed: "
            "run `make repro` again"
        )
    with Image.open(item.photo) as image:
        if image.format == "JPEG" and image.getexif().get(ORIENTATION, 1) == 1:
            return item.photo.read_bytes()
    content = io.BytesIO()
    Image.fromarray(read_image(item.photo)).save(content, "JPEG", quality=QUALITY)
    return content.getvalue()
