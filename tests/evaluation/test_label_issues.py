"""Labels that the classifier contradicts, by hand."""

import numpy as np

from pipeline.evaluation.label_issues import LabelIssue, find_label_issues

LABELS = np.array([[True, False], [False, True], [True, True]])
PROBABILITIES = np.array([[0.9, 0.75], [0.5, 0.02], [0.25, 0.625]])


def test_largest_contradiction_first() -> None:
    # Distances: 0.1 0.75 / 0.5 0.98 / 0.75 0.375. Half way is no contradiction; equal ones keep their order.
    assert find_label_issues(LABELS, PROBABILITIES, 9) == [
        LabelIssue(1, 1, True, 0.02),
        LabelIssue(0, 1, False, 0.75),
        LabelIssue(2, 0, True, 0.25),
    ]


def test_no_more_than_asked_for_and_none_of_nothing() -> None:
    assert find_label_issues(LABELS, PROBABILITIES, 1) == [LabelIssue(1, 1, True, 0.02)]
    assert find_label_issues(LABELS[:0], PROBABILITIES[:0], 3) == []
