"""The standard error of the mIoU: closed forms, and the error of many sets drawn from one world."""

import numpy as np
import pytest

from pipeline.evaluation.confusion import confusion_matrix, mean_iou
from pipeline.evaluation.standard_error import FEWEST, iou_parts, miou_standard_error


def image(right: bool, label: int = 1) -> np.ndarray:
    """Counts of an image of one pixel of a label, which the prediction calls this label or 2."""
    return confusion_matrix(np.array([label]), np.array([label if right else 2]), 3)


@pytest.mark.parametrize(("share", "count"), [(0.5, 100), (0.9, 100), (0.5, 400), (0.2, 50)])
def test_a_share_has_its_known_error(share: float, count: int) -> None:
    """Label 1 alone is true, so its IoU is the share of right images: sqrt(p (1 - p) / n)."""
    images = [iou_parts(image(i < share * count)) for i in range(count)]
    expected = np.sqrt(share * (1 - share) / count)
    assert miou_standard_error(images) == pytest.approx(expected, rel=0.15)


def test_it_is_the_spread_over_other_sets_of_images() -> None:
    rng = np.random.default_rng(1)

    def draw() -> list[np.ndarray]:
        truths = rng.integers(0, 3, (60, 20))
        wrong = rng.random((60, 1)) * 0.8 > rng.random((60, 20))  # images differ in how hard they are
        masks = np.where(wrong, rng.integers(0, 3, (60, 20)), truths)
        return [confusion_matrix(t, m, 3) for t, m in zip(truths, masks, strict=True)]

    sets = [draw() for _ in range(300)]
    spread = np.std([mean_iou(np.sum(images, axis=0)) for images in sets], ddof=1)
    told = np.mean([miou_standard_error([iou_parts(c) for c in images]) for images in sets[:20]])
    assert told == pytest.approx(spread, rel=0.15)


def test_images_alike_leave_no_doubt_and_few_say_nothing() -> None:
    one = iou_parts(image(True) + image(False))
    assert miou_standard_error([one] * FEWEST) == 0
    assert np.isnan(miou_standard_error([one] * (FEWEST - 1)))
    assert np.isnan(miou_standard_error([]))


def test_a_label_that_a_draw_does_not_show_is_left_out() -> None:
    images = [iou_parts(image(True))] * 30 + [iou_parts(image(True, label=0))]
    assert miou_standard_error(images) == 0  # right everywhere, whether label 0 is drawn or not


def test_parts_add_up_to_the_miou() -> None:
    rng = np.random.default_rng(2)
    images = [confusion_matrix(rng.integers(0, 4, 50), rng.integers(0, 4, 50), 4) for _ in range(5)]
    right, true, predicted = np.sum([iou_parts(c) for c in images], axis=0)
    assert (right / (true + predicted - right)).mean() == pytest.approx(mean_iou(np.sum(images, axis=0)))
