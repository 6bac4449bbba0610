"""The levels that absolute heat counts from: a file beside the heatmaps says that they are absolute."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.base.files import write_json

LEVELS = "levels.json"


@dataclass(frozen=True)
class ClassLevels:
    """Logits that the cells of images without a class reach, by class."""

    logits: tuple[float, ...]  # 0 where all images show the class
    images: tuple[int, ...]  # that they were measured on


def write_levels(folder: Path, levels: ClassLevels, classes: Sequence[str]) -> None:
    """Write `levels.json` into the folder of the heatmaps: logit and number of images of each class."""
    rows = zip(classes, levels.logits, levels.images, strict=True)
    write_json(folder / LEVELS, {name: {"logit": logit, "images": count} for name, logit, count in rows})


def has_levels(folder: Path) -> bool:
    """Whether the heatmaps of a folder are absolute."""
    return (folder / LEVELS).exists()
