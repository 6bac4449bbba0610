"""Which images the report shows, and in which order."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pipeline.data.manifest import Sample
from pipeline.report.results import MiouByImage
from pipeline.report.tiles import Tile

TRAIN = "Training images"  # title of their section


@dataclass(frozen=True)
class Row:
    """One image of the report."""

    sample: Sample
    miou: float | None  # in [0, 1]; None without a ground-truth mask
    tiles: tuple[Tile, ...]


def unseen_title(split: str) -> str:
    """The title of the section of images that no model was trained on."""
    return f"{split.capitalize()} images"


def worst_first(samples: Iterable[Sample], scores: MiouByImage) -> list[Sample]:
    """The images with a score, worst first, then the images without one; equal ones by name."""

    def key(sample: Sample) -> tuple[bool, float, str]:
        miou = scores.get(sample.name)
        return miou is None, miou or 0.0, sample.name

    return sorted(samples, key=key)


def split_between(
    count: int, train: Sequence[Sample], unseen: Sequence[Sample]
) -> tuple[Sequence[Sample], Sequence[Sample]]:
    """The first of both, `count` in all: half of each, more of one where the other has too few."""
    chosen = train[: max((count + 1) // 2, count - len(unseen))]
    return chosen, unseen[: count - len(chosen)]
