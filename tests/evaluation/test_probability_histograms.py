"""Recall at a rate of false pixels, and AUPRO, from histograms, against every threshold tried."""

from itertools import pairwise

import cv2
import numpy as np
import pytest

from pipeline.evaluation.probability_histograms import (
    BINS,
    LIMIT,
    RATE,
    WHOLE,
    aupro,
    probability_bins,
    probability_histograms,
    recall_at_rate,
)

Scene = tuple[np.ndarray, np.ndarray]


def scene(rng: np.random.Generator, *, objects: bool) -> Scene:
    """Ground truth (20, 30) of one class, and probabilities (2, 20, 30) that know it more or less."""
    truth = np.zeros((20, 30), np.uint8)
    if objects:
        truth[2:5, 3:9] = truth[10:18, 12:16] = truth[7, 25] = 1
        truth[15:, 25:] = 255
    logits = rng.normal(0, 2, truth.shape) + 2.5 * (truth == 1)
    p = (1 / (1 + np.exp(-logits))).astype(np.float32)
    return truth, np.stack([1 - p, p])


def rounded(probabilities: np.ndarray) -> np.ndarray:
    return probability_bins(probabilities).astype(float)


def total(scenes: list[Scene]) -> np.ndarray:
    return sum(probability_histograms(*one) for one in scenes)[1]


def test_bins_keep_the_order_and_are_fine_at_both_ends() -> None:
    p = np.concatenate([np.logspace(-4, -0.31, 400), 1 - np.logspace(-0.31, -4, 400)]).astype(np.float32)
    bins = probability_bins(p)
    assert (np.diff(bins) >= 0).all()
    assert len(np.unique(bins)) > 700
    assert probability_bins(np.array([0, 1e-9, 1 - 1e-7, 1, 1 + 1e-6])).tolist() == [0, 0, *[BINS - 1] * 3]
    # odds of 1 to 2 have the bins from the middle on, 32 for each doubling
    assert probability_bins(np.array([0.5, 2 / 3 + 1e-6])).tolist() == [BINS // 2, BINS // 2 + 32]


@pytest.mark.parametrize("seed", range(3))
def test_recall_at_rate_against_every_threshold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scenes = [scene(rng, objects=i < 2) for i in range(22)]
    clean = np.concatenate([rounded(p[1]).ravel() for t, p in scenes if not (t == 1).any()])
    label = np.concatenate([rounded(p[1])[t == 1] for t, p in scenes])
    allowed = [v for v in range(BINS + 1) if (clean >= v).mean() <= RATE]
    assert (clean >= allowed[0] - 1).sum() >= 2, "one of 12,000 pixels may be above, and no more"
    assert recall_at_rate(total(scenes)) == pytest.approx((label >= allowed[0]).mean())


@pytest.mark.parametrize("seed", range(3))
def test_aupro_against_every_threshold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scenes = [scene(rng, objects=i % 2 == 0) for i in range(4)]
    other = np.concatenate([rounded(p[1])[t == 0] for t, p in scenes])
    objects = []
    for truth, p in scenes:
        count, parts = cv2.connectedComponents((truth == 1).astype(np.uint8))
        objects += [rounded(p[1])[parts == part] for part in range(1, count)]
    assert len(objects) == 6
    points = [((other >= v).mean(), np.mean([(o >= v).mean() for o in objects])) for v in range(BINS, -1, -1)]
    area = 0.0
    for (x0, y0), (x1, y1) in pairwise(points):
        if x0 < LIMIT and x1 > x0:
            end = min(x1, LIMIT)
            at_end = y0 + (y1 - y0) * (end - x0) / (x1 - x0)
            area += (end - x0) * (y0 + at_end) / 2
    assert aupro(total(scenes)) == pytest.approx(area / LIMIT, abs=1e-6)


@pytest.mark.parametrize("seed", range(3))
def test_histograms_add_up_in_any_order(seed: int) -> None:
    rng = np.random.default_rng(seed)
    scenes = [scene(rng, objects=bool(i % 2)) for i in range(5)]
    order = rng.permutation(5)
    np.testing.assert_array_equal(total(scenes), total([scenes[i] for i in order]))
    label, other, absent, objects = total(scenes).sum(1).tolist()
    assert (label, other, absent) == (2 * 51, 3 * 600 + 2 * (600 - 51 - 25), 3 * 600)
    assert objects == pytest.approx(6 * WHOLE)


def test_perfect_and_blind_probabilities() -> None:
    truth, _ = scene(np.random.default_rng(0), objects=True)
    perfect = probability_histograms(truth, np.stack([truth != 1, truth == 1]).astype(np.float32))[1]
    assert aupro(perfect) == 1
    blind = probability_histograms(truth, np.full((2, 20, 30), 0.5, np.float32))[1]
    assert aupro(blind) == pytest.approx(LIMIT / 2)  # the line from (0, 0) to (1, 1)


@pytest.mark.parametrize("truth", [np.zeros((4, 6)), np.ones((4, 6)), np.full((4, 6), 255)])
def test_without_positives_or_negatives_there_is_no_figure(truth: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    p = rng.random((4, 6)).astype(np.float32)
    counts = probability_histograms(truth.astype(np.uint8), np.stack([1 - p, p]))[1]
    assert np.isnan([recall_at_rate(counts), aupro(counts)]).all()
