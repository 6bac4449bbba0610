"""Scores of multi-label classification: average precision and F1 of each class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.confusion import Counts, Scores, divide

MultiHot = NDArray[np.bool_] | NDArray[np.integer[Any]] | NDArray[np.floating[Any]]  # (N, C) of 0 and 1
Probabilities = NDArray[np.floating[Any]]  # (N, C)


def average_precision(truth: MultiHot, scores: Probabilities) -> Scores:
    """Average precision of each class: `sum_n (R_n - R_(n-1)) P_n` over the distinct scores, highest first.

    Equal scores are one threshold, so the order of the images never matters.

    Args:
        truth: (N, C), 1 where image n shows class c.
        scores: (N, C), any finite numbers; the higher, the more likely.

    Returns:
        float64 (C,) in [0, 1]; NaN for classes without positives.

    Raises:
        ValueError: the shapes differ, the truth is not 0 or 1, or a score is not finite.

    Source: the definition of sklearn.metrics.average_precision_score, without interpolation.
    """
    positive = _check(truth, scores)
    columns = zip(positive.T, scores.T, strict=True)
    return np.array([_average_precision(*column) for column in columns], np.float64)


def f1_at(truth: MultiHot, probabilities: Probabilities, threshold: float = 0.5) -> Scores:
    """F1 of each class, `2 TP / (2 TP + FP + FN)`, where `probability >= threshold` predicts the class.

    Args:
        truth: (N, C), 1 where image n shows class c.
        probabilities: (N, C) in [0, 1].
        threshold: in [0, 1].

    Returns:
        float64 (C,) in [0, 1]; NaN for classes neither shown nor predicted anywhere.

    Raises:
        ValueError: the shapes differ, the truth is not 0 or 1, or a probability is not finite.
    """
    positive = _check(truth, probabilities)
    predicted = probabilities >= threshold
    hits: Counts = np.count_nonzero(positive & predicted, axis=0)
    total: Counts = np.count_nonzero(positive, axis=0) + np.count_nonzero(predicted, axis=0)
    return divide(2 * hits, total)


def _average_precision(positive: NDArray[np.bool_], scores: NDArray[np.floating[Any]]) -> float:
    if not positive.any():
        return float("nan")
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    last_of_tie = np.flatnonzero(np.append(np.diff(ranked) != 0, True))
    hits = np.cumsum(positive[order])[last_of_tie]
    precision = hits / (last_of_tie + 1)
    recall_steps = np.diff(hits, prepend=0) / hits[-1]
    return float(recall_steps @ precision)


def _check(truth: MultiHot, scores: Probabilities) -> NDArray[np.bool_]:
    if truth.ndim != 2 or truth.shape != scores.shape:
        raise ValueError(f"Expected truth and scores (N, C), got {truth.shape} and {scores.shape}")
    if not np.isin(truth, (0, 1)).all():
        raise ValueError("Expected a truth of 0 and 1")
    if not np.isfinite(scores).all():
        raise ValueError("Expected finite scores, got NaN or infinity")
    return truth.astype(bool)
