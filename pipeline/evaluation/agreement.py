"""How far two sets of masks agree about the classes; neither of them is the ground truth."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.data.images import Mask
from pipeline.evaluation.confusion import ClassScores, Counts, divide, label_ious, pseudo_mask_counts
from pipeline.evaluation.means import mean_present

# Of one image: its name, and its masks in both sets, uint8 (H, W).
MaskPair = tuple[str, Mask, Mask]


@dataclass(frozen=True)
class Agreement:
    """A score of two sets of masks, in [0, 1], without the background: it is large and easy."""

    of_classes: ClassScores  # (C,), over the pixels of all images; NaN where there is nothing to agree about
    of_images: dict[str, float]  # by name: the mean over the classes, of images with something to agree about

    @property
    def mean(self) -> float:
        """The mean over the classes; NaN without any."""
        return mean_present(self.of_classes)


def measure_agreement(
    pairs: Iterable[MaskPair], classes: int, score: Callable[[Counts], ClassScores]
) -> Agreement:
    """The agreement of these masks; pixels that either leaves open (255) do not count.

    Args:
        score: `class_ious` or `confirmed_shares`.
    """
    total, of_images = np.zeros((classes + 1, classes + 1), np.int64), {}
    for name, first, second in pairs:
        counts = pseudo_mask_counts(first, second, classes + 1)[:, :-1]
        total += counts
        of_images[name] = mean_present(score(counts))
    known = {name: value for name, value in of_images.items() if not np.isnan(value)}
    return Agreement(score(total), known)


def class_ious(counts: Counts) -> ClassScores:
    """IoU of each class (C,) from counts (L, L); NaN of classes that neither set has."""
    return label_ious(counts)[1:]


def confirmed_shares(counts: Counts) -> ClassScores:
    """The share of the pixels of each class in the first set that the second gives it too, (C,).

    NaN of classes that the first set lacks. A second set that finds more of a class loses nothing.
    """
    return divide(np.diag(counts), counts.sum(axis=1))[1:]
