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
    score: float | None  # mIoU in [0, 1]; None without a ground-truth mask
    tiles: tuple[Tile, ...]


def unseen_title(split: str) -> str:
    """The title of the section of images that no model was trained on."""
    return f"{split.capitalize()} images"


def worst_first(samples: Iterable[Sample], scores: MiouByImage) -> list[Sample]:
    """Images with a score, worst first, then the others by name."""

    def key(sample: Sample) -> tuple[bool, float, str]:
        score = scores.get(sample.name)
        return (score is None, 0.0 if score is None else score, sample.name)

    return sorted(samples, key=key)


def share_out(
    count: int, train: Sequence[Sample], val: Sequence[Sample]
) -> tuple[list[Sample], list[Sample]]:
    """The first of both, `count` in all: half of each, more of one where the other has too few."""
    half = (count + 1) // 2
    shown = max(half, count - len(val))
    chosen = list(train[:shown])
    return chosen, list(val[: count - len(chosen)])
