"""The samples of a data set, as `prepare` writes them and every later stage reads them."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from pipeline.base.files import read_json, safe_join, write_json
from pipeline.data.images import ImageArray, Mask, read_image, read_mask
from pipeline.errors import UserError

Split = Literal["train", "val", "test"]


@dataclass(frozen=True)
class Sample:
    """One image with its labels, its split, and whether it has a mask."""

    name: str  # unique; path below the image folder without suffix
    image: str  # file, relative to the manifest's root
    sha256: str  # of the image file: a changed image changes the manifest
    height: int  # pixels, upright
    width: int
    labels: tuple[int, ...]  # sorted class indices; empty: a background image
    split: Split
    mask: bool  # a ground-truth mask exists
    score: bool  # ... and may be used for metrics


@dataclass(frozen=True)
class Manifest:
    """All samples, sorted by name."""

    root: str  # folder of the images, relative to the project or absolute
    classes: tuple[str, ...]  # class index i has the id i + 1 in masks
    samples: tuple[Sample, ...]

    def split(self, split: Split) -> tuple[Sample, ...]:
        return tuple(sample for sample in self.samples if sample.split == split)

    def without_samples(self) -> "Manifest":
        """The root and the classes alone: small enough to hand to every worker."""
        return replace(self, samples=())

    def image(self, sample: Sample) -> ImageArray:
        """The image, RGB uint8 (H, W, 3)."""
        # `prepare` has checked the image: however large it is, its size is known.
        return read_image(safe_join(Path(self.root), sample.image), sample.height * sample.width / 1e6)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Write `folder/manifest.json`."""
    write_json(folder / "manifest.json", asdict(manifest))


def read_manifest(folder: Path) -> Manifest:
    """Read `folder/manifest.json`, and check the names, splits and labels of its samples."""
    file = folder / "manifest.json"
    if not file.is_file():
        raise UserError(f"{folder}: there is no data set yet. Run `make repro` first")
    raw = read_json(file)
    samples = tuple(Sample(**{**sample, "labels": tuple(sample["labels"])}) for sample in raw["samples"])
    for sample in samples:
        safe_join(folder, sample.name)  # names become file names of masks and predictions
        known = all(0 <= label < len(raw["classes"]) for label in sample.labels)
        if not known or sample.split not in get_args(Split):
            raise UserError(f"{file}: sample {sample.name!r} has an unknown split or label")
    return Manifest(raw["root"], tuple(raw["classes"]), samples)


def mask_path(folder: Path, sample: Sample) -> Path:
    """Where the mask of `sample` lies in a folder of masks."""
    return safe_join(folder, f"{sample.name}.png")


def load_mask(folder: Path, sample: Sample) -> Mask:
    """The mask of `sample` in a folder of masks, uint8 (H, W)."""
    return read_mask(mask_path(folder, sample), max_megapixels=sample.height * sample.width / 1e6)
