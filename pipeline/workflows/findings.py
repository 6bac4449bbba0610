"""Whether a model finds what it should: scores of each class beside the IoU, from counts that add up."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.data.images import Mask
from pipeline.data.manifest import Manifest, Sample, shown_classes
from pipeline.evaluation.class_scores import score_classes
from pipeline.evaluation.confusion import ClassScores, Counts, divide
from pipeline.evaluation.means import score_or_none
from pipeline.evaluation.object_counts import object_counts
from pipeline.evaluation.probability_histograms import BINS, KINDS, aupro, recall_at_rate
from pipeline.evaluation.ranking import auroc, average_precision, presorted_bad, presorted_good
from pipeline.evaluation.tolerant_f1 import tolerant_counts, tolerant_f1

MISSES = (1, 5)  # per cent of the images with a class, or false alarms of those without

Findings = dict[str, dict[str, float | None]]  # by class, then by score


@dataclass(frozen=True)
class FindingCounts:
    """Counts of the scored images of a set; they may be added."""

    images: int
    tolerant: Counts  # (L, 4), see `tolerant_counts`
    objects: Counts  # (L, 3), see `object_counts`

    def __add__(self, other: "FindingCounts") -> "FindingCounts":
        return FindingCounts(
            self.images + other.images, self.tolerant + other.tolerant, self.objects + other.objects
        )


def no_findings(labels: int) -> FindingCounts:
    """The counts of no image."""
    return FindingCounts(0, np.zeros((labels, 4), np.int64), np.zeros((labels, 3), np.int64))


def no_histograms(labels: int) -> Counts:
    """The histograms of no image, see `probability_histograms`."""
    return np.zeros((labels, len(KINDS), BINS), np.int64)


def count_findings(ground_truth: Mask, prediction: Mask, labels: int) -> FindingCounts:
    """The counts of one image."""
    arguments = ground_truth, prediction, labels
    return FindingCounts(1, tolerant_counts(*arguments), object_counts(*arguments))


def pixel_findings(
    manifest: Manifest, confusion: Counts, counts: FindingCounts, histograms: Counts
) -> Findings:
    """The scores of each class by its pixels and objects; None where no scored mask shows the class.

    Args:
        confusion: int64 (L, L), summed over the scored images.
        histograms: int64 (L, 4, BINS), summed over the scored images.
    """
    classes, (found, objects, false) = score_classes(confusion), counts.objects.T
    scores: dict[str, ClassScores] = {
        **{name: classes[name] for name in ("precision", "recall", "f1")},
        "f1_tolerant": tolerant_f1(counts.tolerant),
        "object_recall": divide(found, objects),
        "false_objects": np.where(objects > 0, false / max(1, counts.images), np.nan),
        "recall_at_rate": np.array([recall_at_rate(of_label) for of_label in histograms]),
        "aupro": np.array([aupro(of_label) for of_label in histograms]),
    }
    return by_class(manifest, {name: values[1:] for name, values in scores.items()})


def image_findings(
    manifest: Manifest, samples: Sequence[Sample], probabilities: NDArray[np.float64]
) -> Findings:
    """The scores of each class by whole images, against their image-level labels.

    Args:
        probabilities: the highest one of each class in each image, float64 (N, C).
    """
    shown = shown_classes(manifest, samples)
    scores = {
        "image_auroc": auroc(shown, probabilities),
        "image_ap": average_precision(shown, probabilities),
        **{f"pg_{n}": presorted_good(shown, probabilities, n / 100) for n in MISSES},
        **{f"pb_{n}": presorted_bad(shown, probabilities, n / 100) for n in MISSES},
    }
    return by_class(manifest, scores)


def by_class(manifest: Manifest, scores: dict[str, ClassScores]) -> Findings:
    """Scores float64 (C,) by class."""
    return {
        label: {name: score_or_none(values[i]) for name, values in scores.items()}
        for i, label in enumerate(manifest.classes)
    }
