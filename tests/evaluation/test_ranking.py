"""Average precision and F1, by hand and against literal loops."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.evaluation.means import mean_present
from pipeline.evaluation.ranking import auroc, average_precision, f1_at, presorted_bad, presorted_good


def literal_average_precision(ground_truth: np.ndarray, scores: np.ndarray) -> float:
    """Precision at each distinct score, the highest first, times what it adds to the recall."""
    if not ground_truth.any():
        return float("nan")
    total, before = 0.0, 0.0
    for threshold in sorted(set(scores.tolist()), reverse=True):
        named = scores >= threshold
        recall = (ground_truth & named).sum() / ground_truth.sum()
        total += (recall - before) * (ground_truth & named).sum() / named.sum()
        before = recall
    return total


def literal_f1(ground_truth: list[bool], predicted: list[bool]) -> float:
    """Harmonic mean of precision and recall; NaN where a class is neither shown nor predicted."""
    hits = sum(t and p for t, p in zip(ground_truth, predicted, strict=True))
    if not any(ground_truth) and not any(predicted):
        return float("nan")
    if not hits:
        return 0.0
    precision, recall = hits / sum(predicted), hits / sum(ground_truth)
    return 2 * precision * recall / (precision + recall)


def test_no_images_have_no_score() -> None:
    nothing = np.zeros((0, 2))
    assert np.isnan(average_precision(nothing, nothing)).all()
    assert np.isnan(f1_at(nothing, nothing)).all()


def test_average_precision_by_hand() -> None:
    # Ranked 0.9 (hit), 0.8, 0.7 (hit), 0.1: precision 1/1 at recall 1/2, 2/3 at recall 1.
    ground_truth = np.array([[1], [0], [1], [0]])
    scores = np.array([[0.9], [0.8], [0.7], [0.1]])
    np.testing.assert_allclose(average_precision(ground_truth, scores), [(1 + 2 / 3) / 2])


def test_ties_are_one_threshold() -> None:
    # 0.9 (miss), then 0.5 three times with two hits: recall steps from 0 to 1 at precision 2/4.
    ground_truth = np.array([[0], [1], [0], [1]])
    scores = np.array([[0.9], [0.5], [0.5], [0.5]])
    np.testing.assert_allclose(average_precision(ground_truth, scores), [0.5])


@pytest.mark.parametrize("images", [1, 2, 17, 60])
@pytest.mark.parametrize("levels", [1, 2, 5, 1000])  # few levels: many ties
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_average_precision_against_a_loop_over_thresholds(images: int, levels: int, dtype: type) -> None:
    rng = np.random.default_rng(images * levels)
    ground_truth = rng.random((images, 5)) < 0.4
    scores = (rng.integers(levels, size=(images, 5)) / levels - 0.5).astype(dtype)
    expected = [literal_average_precision(ground_truth[:, c], scores[:, c]) for c in range(5)]
    np.testing.assert_allclose(average_precision(ground_truth, scores), expected, rtol=1e-12)


@given(
    arrays(np.bool_, (7, 3)), arrays(np.int8, (7, 3), elements=st.integers(0, 4)), st.permutations(range(7))
)
def test_order_of_the_images_never_matters(
    ground_truth: np.ndarray, levels: np.ndarray, order: list[int]
) -> None:
    scores = levels / 4
    np.testing.assert_allclose(
        average_precision(ground_truth[order], scores[order]),
        average_precision(ground_truth, scores),
        rtol=1e-12,
    )


def test_class_without_positives_is_nan() -> None:
    ground_truth = np.array([[1, 0], [0, 0]])
    scores = np.array([[0.2, 0.3], [0.1, 0.9]])
    np.testing.assert_allclose(average_precision(ground_truth, scores), [1, np.nan])
    assert mean_present(average_precision(ground_truth, scores)) == 1


def test_f1_by_hand() -> None:
    ground_truth = np.array([[1, 0, 0], [1, 0, 1], [0, 0, 0]])
    probabilities = np.array([[0.5, 0.1, 0.2], [0.4, 0.2, 0.3], [0.9, 0.3, 0.4]])
    # Class 0: 0.5 counts as predicted: 1 hit, 1 miss, 1 false: 2 / (2 + 1 + 1). 1: neither. 2: missed: 0.
    np.testing.assert_allclose(f1_at(ground_truth, probabilities), [0.5, np.nan, 0])


@pytest.mark.parametrize("threshold", [0.0, 0.3, 0.5, 1.0])
def test_f1_against_a_loop_over_images(threshold: float) -> None:
    rng = np.random.default_rng(3)
    ground_truth = rng.random((40, 6)) < [0, 0.1, 0.3, 0.5, 0.9, 1]
    probabilities = rng.integers(11, size=(40, 6)) / 10
    predicted = probabilities >= threshold
    expected = [literal_f1(list(ground_truth[:, c]), list(predicted[:, c])) for c in range(6)]
    np.testing.assert_allclose(f1_at(ground_truth, probabilities, threshold), expected)


def test_mean_present_skips_nan_without_a_warning() -> None:
    assert mean_present(np.array([np.nan, 0.5, 0.25])) == 0.375
    assert np.isnan(mean_present(np.array([np.nan])))


@pytest.mark.parametrize(
    ("ground_truth", "scores"),
    [
        (np.zeros((2, 3)), np.zeros((3, 2))),
        (np.full((2, 3), 2), np.zeros((2, 3))),
        (np.zeros((2, 3)), np.full((2, 3), np.nan)),
    ],
)
@pytest.mark.parametrize("score", [average_precision, f1_at])
def test_unusable_input_is_refused(score: object, ground_truth: np.ndarray, scores: np.ndarray) -> None:
    with pytest.raises(ValueError, match="Expected"):
        score(ground_truth, scores)  # type: ignore[operator]


COLUMNS = arrays(np.float64, st.integers(2, 12), elements=st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.75, 1.0]))


@given(COLUMNS, COLUMNS)
def test_auroc_counts_pairs(with_class: np.ndarray, without: np.ndarray) -> None:
    pairs = [1.0 if w > o else 0.5 if w == o else 0.0 for w in with_class for o in without]
    assert auroc(*one_class(with_class, without))[0] == pytest.approx(np.mean(pairs))


def one_class(with_class: np.ndarray, without: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shown = np.repeat([True, False], [len(with_class), len(without)])
    return shown[:, None], np.concatenate([with_class, without])[:, None]


@pytest.mark.parametrize(
    ("misses", "good", "bad"),
    [
        (0.0, 3 / 10, 5 / 20),  # below .3 lie .0, .1, .2; above .9 lie five of twenty
        (0.05, 4 / 10, 5 / 20),  # one of twenty may be missed: below .35; none of ten may be a false alarm
        (0.1, 7 / 10, 10 / 20),  # two of twenty: below .65; one of ten: above .7
    ],
)
def test_images_that_need_no_look_by_hand(misses: float, good: float, bad: float) -> None:
    without = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.7, 0.9])
    with_class = np.array([0.3, 0.35, *[0.65] * 8, *[0.8] * 5, *[0.95] * 5])
    assert presorted_good(*one_class(with_class, without), misses)[0] == pytest.approx(good)
    assert presorted_bad(*one_class(with_class, without), misses)[0] == pytest.approx(bad)


@given(COLUMNS, COLUMNS, st.sampled_from([0.01, 0.05, 0.2, 0.5]))
def test_never_more_misses_than_allowed(with_class: np.ndarray, without: np.ndarray, misses: float) -> None:
    """The best threshold of all that miss few enough."""
    good = presorted_good(*one_class(with_class, without), misses)[0]
    allowed = [t for t in {*with_class.tolist(), *without.tolist(), 2.0} if (with_class < t).mean() <= misses]
    assert good == max((without < t).mean() for t in allowed if t in with_class)
    bad = presorted_bad(*one_class(with_class, without), misses)[0]
    assert bad == presorted_good(*one_class(1 - without, 1 - with_class), misses)[0]


@pytest.mark.parametrize("shown", [[True, True], [False, False], []])
def test_without_two_kinds_of_images_nothing_is_told_apart(shown: list[bool]) -> None:
    labels = np.array(shown, bool).reshape(-1, 1)
    probabilities = np.full(labels.shape, 0.5)
    assert np.isnan(auroc(labels, probabilities)).all()
    assert np.isnan(presorted_good(labels, probabilities, 0.05)).all()
    assert np.isnan(presorted_bad(labels, probabilities, 0.05)).all()
