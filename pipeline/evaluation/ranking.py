"""Scores of image-level probabilities, by class: average precision, F1, AUROC, images to look at."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.evaluation.confusion import ClassScores

MultiHot = NDArray[np.bool_] | NDArray[np.integer[Any]] | NDArray[np.floating[Any]]  # (N, C) of 0 and 1
ClassProbabilities = NDArray[np.floating[Any]]  # (N, C)


def average_precision(ground_truth: MultiHot, probabilities: ClassProbabilities) -> ClassScores:
    """`sum_n (R_n - R_(n-1)) P_n` of each class over the distinct probabilities, highest first.

    Equal probabilities are one threshold, so the order of the images never matters.

    Returns:
        float64 (C,) in [0, 1]; NaN for classes that no image shows.

    Source: sklearn.metrics.average_precision_score, which does not interpolate.
    """
    from sklearn.metrics import average_precision_score  # here, since it takes seconds to load

    columns = zip(_check(ground_truth, probabilities).T, probabilities.T, strict=True)
    scores = [average_precision_score(shown, column) if shown.any() else np.nan for shown, column in columns]
    return np.array(scores, np.float64)


def f1_at(ground_truth: MultiHot, probabilities: ClassProbabilities, threshold: float = 0.5) -> ClassScores:
    """`2 TP / (2 TP + FP + FN)` of each class, where `probability >= threshold` predicts the class.

    Returns:
        float64 (C,) in [0, 1]; NaN for classes neither shown nor predicted anywhere.
    """
    from sklearn.metrics import f1_score  # here, see above

    columns = zip(_check(ground_truth, probabilities).T, (probabilities >= threshold).T, strict=True)
    scores = [
        f1_score(shown, predicted) if (shown | predicted).any() else np.nan for shown, predicted in columns
    ]
    return np.array(scores, np.float64)


def auroc(ground_truth: MultiHot, probabilities: ClassProbabilities) -> ClassScores:
    """The chance that an image with the class has a higher probability than one without; ties count half.

    Returns:
        float64 (C,) in [0, 1]; NaN for classes that no image shows, or all.
    """
    from sklearn.metrics import roc_auc_score  # here, see above

    columns = zip(_check(ground_truth, probabilities).T, probabilities.T, strict=True)
    scores = [
        roc_auc_score(shown, column) if shown.any() and not shown.all() else np.nan
        for shown, column in columns
    ]
    return np.array(scores, np.float64)


def presorted_good(ground_truth: MultiHot, probabilities: ClassProbabilities, misses: float) -> ClassScores:
    """Of the images without the class, the share that nobody needs to look at.

    They lie below a threshold, below which lie at most `misses` of the images with the class.

    Returns:
        float64 (C,) in [0, 1]; NaN for classes that no image shows, or all.

    Source: PGn of anomalib, `metrics/pg_pb.py`. Deviation: the threshold is the probability of an image, not
    between two of them, so that never more than `misses` are missed.
    """
    columns = zip(_check(ground_truth, probabilities).T, probabilities.T, strict=True)
    return np.array([_share_below(p[~shown], p[shown], misses) for shown, p in columns], np.float64)


def presorted_bad(ground_truth: MultiHot, probabilities: ClassProbabilities, alarms: float) -> ClassScores:
    """Of the images with the class, the share above a threshold that at most `alarms` of the others exceed.

    Returns and source as for `presorted_good`; PBn of anomalib.
    """
    columns = zip(_check(ground_truth, probabilities).T, -probabilities.T, strict=True)
    return np.array([_share_below(p[shown], p[~shown], alarms) for shown, p in columns], np.float64)


def _share_below(values: NDArray[Any], others: NDArray[Any], share: float) -> float:
    """The share of `values` below the lowest of `others` but for `share` of them; NaN if one is empty."""
    if not values.size or not others.size:
        return float("nan")
    allowed = min(int(share * others.size + 1e-9), others.size - 1)  # 0.05 * 20 may come out below 1
    return float((values < np.sort(others)[allowed]).mean())


def _check(ground_truth: MultiHot, probabilities: ClassProbabilities) -> NDArray[np.bool_]:
    """The ground truth as bool, if both fit."""
    if ground_truth.ndim != 2 or ground_truth.shape != probabilities.shape:
        shapes = f"{ground_truth.shape} and {probabilities.shape}"
        raise ValueError(f"Expected ground truth and probabilities (N, C), got {shapes}")
    if not np.isin(ground_truth, (0, 1)).all():
        raise ValueError("Expected a ground truth of 0 and 1")
    if not np.isfinite(probabilities).all():
        raise ValueError("Expected finite probabilities, got NaN or infinity")
    return ground_truth.astype(bool)
