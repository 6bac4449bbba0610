"""Label issues: labels that a classifier contradicts. Some labels are wrong, and some answers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

CONTRADICTED = 0.5  # probability of the opposite above which a label is an issue


@dataclass(frozen=True)
class LabelIssue:
    """One label of one image that the classifier contradicts."""

    image: int  # row
    label: int  # class index
    given: bool  # the image has the label
    probability: float  # of the class, [0, 1]


def contradicted(labels: NDArray[np.bool_], probabilities: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Which labels of which images are issues, (N, C): `|label - probability|` is above 0.5."""
    return np.abs(labels - probabilities) > CONTRADICTED


def find_label_issues(
    labels: NDArray[np.bool_], probabilities: NDArray[np.floating[Any]], count: int
) -> list[LabelIssue]:
    """The labels with the largest `|label - probability|` above 0.5, the largest first, at most `count`.

    Args:
        labels: (N, C), the classes that an image is labelled with.
        probabilities: (N, C) in [0, 1].

    Source: the ranking by self-confidence of confident learning, Northcutt et al. 2021, arXiv:1911.00068, 3.
    Deviation: the probabilities are not from other folds, so wrong labels that were memorised are hidden.
    """
    images, classes = np.nonzero(contradicted(labels, probabilities))
    distance = np.abs(labels - probabilities)[images, classes]
    order = np.argsort(-distance, kind="stable")[:count]
    return [
        LabelIssue(int(i), int(c), bool(labels[i, c]), float(probabilities[i, c]))
        for i, c in zip(images[order], classes[order], strict=True)
    ]
