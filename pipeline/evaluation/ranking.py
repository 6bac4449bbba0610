"""Scores of multi-label classification: average precision and F1 of each class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.confusion import ClassScores

MultiHot = NDArray[np.bool_] | NDArray[np.integer[Any]] | NDArray[np.floating[Any]]  # (N, C) of 0 and 1
ClassProbabilities = NDArray[np.floating[Any]]  # (N, C)


def average_precision(ground_truth: MultiHot, scores: ClassProbabilities) -> ClassScores:
    """Average precision of each class: `sum_n (R_n - R_(n-1)) P_n` over the distinct scores, highest first.

    Equal scores are one threshold, so the order of the images never matters.

    Args:
        ground_truth: (N, C), 1 where image n shows class c.
        scores: (N, C), any finite numbers; the higher, the more likely.

    Returns:
        float64 (C,) in [0, 1]; NaN for classes without positives.

    Raises:
        ValueError: the shapes differ, the ground truth is not 0 or 1, or a score is not finite.

    Source: sklearn.metrics.average_precision_score, which does not interpolate.
    """
    from sklearn.metrics import average_precision_score  # here, since it takes seconds to load

    columns = zip(_check(ground_truth, scores).T, scores.T, strict=True)
    found = [average_precision_score(shown, column) if shown.any() else np.nan for shown, column in columns]
    return np.array(found, np.float64)


def f1_at(ground_truth: MultiHot, probabilities: ClassProbabilities, threshold: float = 0.5) -> ClassScores:
    """F1 of each class, `2 TP / (2 TP + FP + FN)`, where `probability >= threshold` predicts the class.

    Args:
        ground_truth: (N, C), 1 where image n shows class c.
        probabilities: (N, C) in [0, 1].
        threshold: in [0, 1].

    Returns:
        float64 (C,) in [0, 1]; NaN for classes neither shown nor predicted anywhere.

    Raises:
        ValueError: the shapes differ, the ground truth is not 0 or 1, or a probability is not finite.
    """
    from sklearn.metrics import f1_score  # here, see above

    columns = zip(_check(ground_truth, probabilities).T, (probabilities >= threshold).T, strict=True)
    found = [f1_score(shown, named) if (shown | named).any() else np.nan for shown, named in columns]
    return np.array(found, np.float64)


def _check(ground_truth: MultiHot, scores: ClassProbabilities) -> NDArray[np.bool_]:
    if ground_truth.ndim != 2 or ground_truth.shape != scores.shape:
        raise ValueError(f"Expected truth and scores (N, C), got {ground_truth.shape} and {scores.shape}")
    if not np.isin(ground_truth, (0, 1)).all():
        raise ValueError("Expected a ground truth of 0 and 1")
    if not np.isfinite(scores).all():
        raise ValueError("Expected finite scores, got NaN or infinity")
    return ground_truth.astype(bool)
