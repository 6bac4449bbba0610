"""Vetoes by labels and classifier: without classes that are told apart, heat shows nothing."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pipeline.base.problems import listed
from pipeline.data.arrays import ShownClasses
from pipeline.evaluation.confusion import ClassScores
from pipeline.evaluation.diagnosis import FEWEST
from pipeline.evaluation.veto import MOST_NAMES, Level, Veto

KNOWN = 0.5  # of the way from chance to perfect: a class is known
CHANCE = 0.25  # of this way, at the median class: below it, the classifier knows nothing


def same_labels(shown: ShownClasses) -> list[Veto]:
    """A veto where all training images (N, C) show the same classes."""
    if len(np.unique(shown, axis=0)) > 1:
        return []
    return [
        Veto(
            "useless",
            "All training images have the same labels: nothing tells the classifier what the classes are. "
            "Add images without them.",
        )
    ]


def unknown_classes(
    classes: Sequence[str],
    shown: ShownClasses,
    average_precision: ClassScores,
    issues: Sequence[tuple[str, str]],
) -> list[Veto]:
    """A veto where the classifier tells images with a class from others little better than chance does.

    Args:
        shown: of the `val` images, (N, C).
        average_precision: on these images, (C,).
        issues: `val` images and class names that the classifier contradicts, the worst first.
    """
    known = knowledge(shown, average_precision)
    if np.isnan(known).all():
        text = f"No class has {FEWEST} val images that show it and {FEWEST} that do not"
        return [Veto("doubtful", f"{text}: nothing tells whether the classifier knows the classes.")]
    unknown = [int(label) for label in np.argsort(known, kind="stable") if known[label] < KNOWN]
    if not unknown:
        return []
    by_chance = shown.mean(0)
    names = [
        f"`{classes[c]}` (average precision {average_precision[c]:.2f}, {by_chance[c]:.2f} by chance)"
        for c in unknown
    ]
    images = dict.fromkeys(image for image, name in issues if name in {classes[c] for c in unknown})
    level: Level = "useless" if np.nanmedian(known) < CHANCE else "doubtful"
    sentence = f"On val images the classifier hardly knows {listed(names)}."
    return [Veto(level, sentence, tuple(images)[:MOST_NAMES])]


def knowledge(shown: ShownClasses, average_precision: ClassScores) -> ClassScores:
    """How far a classifier is on the way from chance (0) to perfect (1), (C,); NaN for too few images.

    By chance the average precision is the share of the images that show the class.
    """
    chance = shown.mean(0) if len(shown) else np.zeros(shown.shape[1])
    judged = enough(shown)
    return np.where(judged, (average_precision - chance) / np.where(judged, 1 - chance, 1), np.nan)


def enough(shown: ShownClasses) -> NDArray[np.bool_]:
    """Whether enough images (N, C) show each class, and enough do not: (C,)."""
    return np.asarray(np.minimum(shown.sum(0), (~shown).sum(0)) >= FEWEST)
