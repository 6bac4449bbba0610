"""How far two sets of masks agree about the classes; neither of them is the ground truth."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.data.images import Mask
from pipeline.evaluation.confusion import ClassScores, Counts, divide, pseudo_mask_counts
from pipeline.evaluation.means import mean_present

# Of one image: its name, and its masks in both sets, uint8 (H, W).
MaskPair = tuple[str, Mask, Mask]


@dataclass(frozen=True)
class Agreement:
    """IoUs of two sets of masks, in [0, 1], without the background: it is large and easy."""

    of_classes: ClassScores  # (C,), over the pixels of all images; NaN of classes that neither set has
    of_images: dict[str, float]  # by name: the mean over the classes in either mask, if any

    @property
    def mean(self) -> float:
        """The mean over the classes; NaN without any."""
        return mean_present(self.of_classes)


def measure_agreement(pairs: Iterable[MaskPair], classes: int) -> Agreement:
    """The agreement of these masks; pixels that either leaves open (255) do not count."""
    total, of_images = np.zeros((classes + 1, classes + 1), np.int64), {}
    for name, first, second in pairs:
        counts = pseudo_mask_counts(first, second, classes + 1)[:, :-1]
        total += counts
        of_images[name] = mean_present(_class_ious(counts))
    known = {name: iou for name, iou in of_images.items() if not np.isnan(iou)}
    return Agreement(_class_ious(total), known)


def _class_ious(counts: Counts) -> ClassScores:
    """IoU of each class (C,) from counts (L, L); NaN of classes that neither side has."""
    hits = np.diag(counts)
    return divide(hits, counts.sum(axis=0) + counts.sum(axis=1) - hits)[1:]
