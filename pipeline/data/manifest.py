"""The samples of a data set, as `prepare` writes them and every later stage reads them."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from pipeline import paths
from pipeline.base.files import check_inside, read_json, safe_join, write_text
from pipeline.data.arrays import ShownClasses
from pipeline.data.images import ImageArray, read_image
from pipeline.data.pixels.reading import AS_IT_IS, ImageReading, reading_of_json, reading_to_json
from pipeline.errors import UserError

Split = Literal["train", "val", "test"]


@dataclass(frozen=True, slots=True)  # there are a million of them
class Sample:
    """One image with its labels, its split, and whether it has a mask."""

    name: str  # unique; path below the image folder without suffix
    image: str  # file, relative to the manifest's root
    sha256: str  # of the image file: a changed image changes the manifest
    height: int  # pixels, upright; of the working copy if there is one
    width: int
    labels: tuple[int, ...]  # sorted class indices; empty: a background image
    split: Split
    mask: bool  # a ground-truth mask exists
    score: bool  # ... and may be used for metrics
    original_height: int = 0  # pixels, upright, of an image with a working copy; 0: there is none
    original_width: int = 0

    @property
    def has_copy(self) -> bool:
        """Whether the stages read an 8-bit copy of the image, at most the size of `data.max_side`."""
        return self.original_height > 0

    @property
    def original_size(self) -> tuple[int, int]:
        """Height and width of the image itself, in pixels, upright."""
        return (self.original_height, self.original_width) if self.has_copy else (self.height, self.width)

    def copy_in(self, folder: Path) -> Path:
        """Where the working copy lies in a folder of copies."""
        return copy_path(folder, self.name, smaller=self.original_size != (self.height, self.width))


FIELDS = tuple(field.name for field in fields(Sample))


@dataclass(frozen=True)
class Manifest:
    """All samples, sorted by name."""

    root: str  # folder of the images, relative to the project or absolute
    classes: tuple[str, ...]  # class index i has the id i + 1 in masks
    samples: tuple[Sample, ...]
    background: bool = True  # False: every pixel belongs to a class, and no mask has the id 0
    reading: ImageReading = AS_IT_IS  # how the images became 8-bit RGB

    def split(self, split: Split) -> tuple[Sample, ...]:
        return tuple(sample for sample in self.samples if sample.split == split)

    def without_samples(self) -> "Manifest":
        """The root and the classes alone: small enough to hand to every worker."""
        return replace(self, samples=())

    def image(self, sample: Sample) -> ImageArray:
        """The image or its working copy, RGB uint8 (H, W, 3)."""
        file = sample.copy_in(paths.COPIES) if sample.has_copy else self.original(sample)
        # `prepare` has checked the image: however large it is, its size is known.
        return read_image(file, sample.height * sample.width / 1e6)

    def original(self, sample: Sample) -> Path:
        """The file of the image itself."""
        return safe_join(Path(self.root), sample.image)


def shown_classes(manifest: Manifest, samples: Sequence[Sample]) -> ShownClasses:
    """Whether each of the samples shows each class by its labels, bool (N, C)."""
    shown = np.zeros((len(samples), len(manifest.classes)), bool)
    for row, sample in zip(shown, samples, strict=True):
        row[list(sample.labels)] = True
    return shown


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `folder/manifest.json`: a column for each field of the samples, on a line of its own."""
    columns = {name: [getattr(sample, name) for sample in manifest.samples] for name in FIELDS}
    lines = ",\n".join(f"{json.dumps(name)}: {_compact(column)}" for name, column in columns.items())
    top = {
        "root": manifest.root,
        "classes": manifest.classes,
        "background": manifest.background,
        "reading": reading_to_json(manifest.reading),
    }
    head = "{" + "".join(f"{json.dumps(key)}: {_compact(value)},\n" for key, value in top.items())
    write_text(folder / "manifest.json", f'{head}"samples": {{\n{lines}}}}}\n')


def read_manifest(folder: Path) -> Manifest:
    """Read `folder/manifest.json`, and check the names, splits and labels of its samples."""
    file = folder / "manifest.json"
    if not file.is_file():
        raise UserError(f"{folder}: there is no data set yet. Run `camseg run` first")
    raw = read_json(file)
    columns = raw["samples"]
    if (
        not isinstance(columns, dict)
        or set(columns) != set(FIELDS)
        or not {"background", "reading"} <= set(raw)
    ):
        raise UserError(f"{file}: another version of camseg wrote it. Run `camseg run`")
    columns["labels"] = map(tuple, columns["labels"])
    columns |= {name: _shared(columns[name]) for name in ("labels", "split", "height", "width")}
    _check_columns(file, columns, len(raw["classes"]))
    samples = tuple(map(Sample, *map(columns.pop, FIELDS)))
    reading = reading_of_json(raw["reading"])
    return Manifest(raw["root"], tuple(raw["classes"]), samples, raw["background"], reading)


def copy_path(folder: Path, name: str, *, smaller: bool) -> Path:
    """Where the working copy of the sample `name` lies in a folder of copies: JPEG if smaller, else PNG."""
    return safe_join(folder, name + (".jpg" if smaller else ".png"))


def _check_columns(file: Path, columns: dict[str, list[Any]], classes: int) -> None:
    wrong = {labels for labels in set(columns["labels"]) if any(not 0 <= i < classes for i in labels)}
    wrong |= set(columns["split"]) - set(get_args(Split))
    for name, split, labels in zip(*(columns[key] for key in ("name", "split", "labels")), strict=True):
        check_inside(file.parent, name)  # names become file names of masks and predictions
        if wrong and not wrong.isdisjoint((split, labels)):
            raise UserError(f"{file}: sample {name!r} has an unknown split or label")


def _shared(values: Iterable[Any]) -> list[Any]:
    """`values`, equal ones as one object: that takes a third off the memory of a manifest."""
    seen: dict[Any, Any] = {}
    return [seen.setdefault(value, value) for value in values]


def _compact(value: object) -> str:
    return json.dumps(value, allow_nan=False, separators=(",", ":"))
