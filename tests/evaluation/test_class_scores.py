"""IoU, precision, recall and F1 of each label, against arithmetic by hand and scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import jaccard_score, precision_recall_fscore_support

from pipeline.evaluation.class_scores import score_classes
from pipeline.evaluation.confusion import confusion_matrix


def test_scores_by_hand() -> None:
    # Label 1: 6 right of 8 predicted and 9 true: precision 6/8, recall 6/9, IoU 6/11, F1 12/17.
    scores = score_classes(np.array([[20, 2, 0], [1, 6, 2], [0, 0, 5]]))
    assert [scores[name][1] for name in ("precision", "recall", "iou", "f1")] == pytest.approx(
        [6 / 8, 6 / 9, 6 / 11, 12 / 17]
    )


@pytest.mark.parametrize("seed", range(3))
def test_against_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    true, predicted = rng.integers(0, 4, (2, 13, 17))
    scores = score_classes(confusion_matrix(true, predicted, 4))
    expected = precision_recall_fscore_support(true.ravel(), predicted.ravel())[:3]
    for name, values in zip(("precision", "recall", "f1"), expected, strict=True):
        np.testing.assert_allclose(scores[name], values)
    np.testing.assert_allclose(scores["iou"], jaccard_score(true.ravel(), predicted.ravel(), average=None))


@pytest.mark.parametrize(
    ("confusion", "nan"),
    [
        ([[9, 0], [0, 0]], {"iou", "precision", "recall", "f1"}),  # nowhere
        ([[9, 0], [3, 0]], {"precision"}),  # never predicted
        ([[9, 3], [0, 0]], {"iou", "precision", "recall", "f1"}),  # in no ground truth
    ],
)
def test_what_does_not_exist_is_nan(confusion: list[list[int]], nan: set[str]) -> None:
    scores = score_classes(np.array(confusion))
    assert {name for name, values in scores.items() if np.isnan(values[1])} == nan
    assert all(values[1] == 0 for name, values in scores.items() if name not in nan)
