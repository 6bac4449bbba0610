"""Masks that are ground truth in part, by hand."""

import numpy as np

from benchmarks.oracle import our_boundaries, true_classes


def test_objects_get_the_nearest_true_class() -> None:
    ground_truth = np.array([[1, 1, 0, 0, 0, 0, 2, 2]], np.uint8)
    mask = np.array([[3, 3, 3, 0, 255, 3, 3, 0]], np.uint8)
    assert true_classes(mask, ground_truth).tolist() == [[1, 1, 1, 0, 255, 2, 2, 0]]
    assert true_classes(mask, np.zeros_like(ground_truth)).tolist() == mask.tolist()
    assert true_classes(mask, np.full_like(ground_truth, 255)).tolist() == mask.tolist()


def test_only_the_outlines_come_from_our_mask() -> None:
    ground_truth = np.zeros((60, 80), np.uint8)  # diagonal 100: outlines reach 5 pixels
    ground_truth[:, 40:] = 1
    mask = np.full((60, 80), 2, np.uint8)
    mixed = our_boundaries(mask, ground_truth)
    assert (mixed[:, :35] == 0).all()
    assert (mixed[:, 36:45] == 2).all()
    assert (mixed[:, 46:] == 1).all()
    assert our_boundaries(mask, np.ones_like(ground_truth)).tolist() == np.ones_like(ground_truth).tolist()
