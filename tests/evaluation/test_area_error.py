"""Errors of the area: by hand, and the spread over other sets of images."""

import numpy as np
import pytest

from pipeline.evaluation.area_error import area_errors, area_standard_errors
from pipeline.evaluation.confusion import confusion_matrix, pseudo_mask_counts
from pipeline.evaluation.standard_error import FEWEST, iou_parts


def parts(true: list[int], mask: list[int], labels: int = 3) -> np.ndarray:
    return iou_parts(pseudo_mask_counts(np.array(true), np.array(mask), labels))


@pytest.mark.parametrize(
    ("true", "mask", "expected"),
    [
        ([0, 1, 1, 2], [0, 1, 1, 2], [0, 0, 0]),
        ([0, 0, 0, 1], [0, 0, 1, 1], [-1 / 3, 1, np.nan]),
        ([1, 1, 2, 2], [0, 0, 0, 2], [np.nan, -1, -0.5]),
        ([255, 255, 1, 1], [2, 1, 1, 1], [np.nan, 0, np.nan]),  # pixels that do not score
        ([0, 1, 1, 1], [0, 1, 255, 255], [0, -2 / 3, np.nan]),  # open pixels are not found
    ],
)
def test_by_hand(true: list[int], mask: list[int], expected: list[float]) -> None:
    np.testing.assert_allclose(area_errors(parts(true, mask)), expected)


@pytest.mark.parametrize(("scale", "images"), [(0.1, 60), (0.3, 60), (0.3, 200)])
def test_the_standard_error_is_the_spread_over_other_sets(scale: float, images: int) -> None:
    rng = np.random.default_rng(3)

    def draw() -> list[np.ndarray]:
        found = np.clip(np.round(100 * (1 + scale * rng.standard_normal(images))), 0, 200).astype(int)
        return [np.array([[0, 0], [200, 100], [300 - n, n]]) for n in found]

    sets = [draw() for _ in range(300)]
    spread = np.std([area_errors(np.sum(drawn, axis=0))[1] for drawn in sets], ddof=1)
    told = np.mean([area_standard_errors(drawn)[1] for drawn in sets[:20]])
    assert told == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("count", [0, 1, FEWEST - 1])
def test_few_images_do_not_tell_the_error(count: int) -> None:
    assert np.isnan(area_standard_errors([parts([0, 1, 2], [0, 1, 1])] * count)).all()


def test_a_label_of_one_image_has_no_error() -> None:
    images = [parts([0, 1, 1], [0, 0, 1])] * FEWEST + [parts([2, 1, 1], [2, 0, 1])]
    errors = area_standard_errors(images)
    assert np.isnan(errors[2])
    assert errors[1] == 0


def test_parts_of_masks_without_open_pixels_are_those_of_the_confusion() -> None:
    true, mask = np.random.default_rng(0).integers(0, 4, (2, 80))
    by_counts = iou_parts(pseudo_mask_counts(true, mask, 4))
    np.testing.assert_array_equal(by_counts, iou_parts(confusion_matrix(true, mask, 4)))
