"""Which images the report shows, and in which order."""

import hashlib
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
    why: str = ""  # the image was chosen, e.g. `worst`; empty where all images are shown
    confidence: float | None = None  # of its mask or prediction, in [0, 1]


@dataclass(frozen=True)
class Choice:
    """An image to show, and why."""

    sample: Sample
    why: str


def unseen_title(split: str) -> str:
    """The title of the section of images that no model was trained on."""
    return f"{split.capitalize()} images"


def worst_first(samples: Iterable[Sample], scores: MiouByImage) -> list[Sample]:
    """The images with a score, worst first, then the images without one; equal ones by name."""

    def key(sample: Sample) -> tuple[bool, float, str]:
        miou = scores.get(sample.name)
        return miou is None, miou or 0.0, sample.name

    return sorted(samples, key=key)


def ranked(samples: Sequence[Sample], scores: MiouByImage, confidences: MiouByImage) -> list[Sample]:
    """The images worst first; without any score, those of the least confidence first."""
    scored = any(scores.get(sample.name) is not None for sample in samples)
    return worst_first(samples, scores if scored else confidences)


def share_out(count: int, train: int, unseen: int) -> tuple[int, int]:
    """How many of `train` and of `unseen` images are shown: `count` in all, half of each if they suffice."""
    of_train = min(train, max((count + 1) // 2, count - unseen))
    return of_train, min(unseen, count - of_train)


def choose_images(ordered: Sequence[Sample], count: int, worst: str, best: str) -> list[Choice]:
    """`count` images in their order: half of them the first, a quarter the last, and a quarter at random.

    The random ones depend on the names alone.

    Args:
        worst, best: what the first and the last ones are called.
    """
    if count >= len(ordered):
        return [Choice(sample, "") for sample in ordered]
    first = (count + 1) // 2
    last = len(ordered) - (count - first + 1) // 2
    drawn = sorted(ordered[first:last], key=lambda s: hashlib.sha256(s.name.encode()).digest())
    names = {sample.name for sample in drawn[: count - first - (len(ordered) - last)]}
    return [
        *(Choice(sample, worst) for sample in ordered[:first]),
        *(Choice(sample, "random") for sample in ordered[first:last] if sample.name in names),
        *(Choice(sample, best) for sample in ordered[last:]),
    ]
