"""Thresholds chosen without masks."""

import cv2
import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.masks.otsu_threshold import heat_histogram, otsu


def test_histogram_by_hand() -> None:
    histogram = heat_histogram(np.array([[[9, 255, 0]], [[7, 3, 0]]], np.uint8))
    assert histogram[[0, 9, 255]].tolist() == [1, 1, 1]
    assert histogram.sum() == 3
    assert not heat_histogram(np.zeros((0, 2, 3), np.uint8)).any()


def test_otsu_by_hand() -> None:
    # Levels 1, 3 | 11, 13 with two pixels each: the cut after 3 has the means 2 and 12.
    histogram = np.zeros(256, np.int64)
    histogram[[1, 3, 11, 13]] = 2
    assert otsu(histogram) == pytest.approx(3.5 / 255)


def test_power_by_hand() -> None:
    # Heat 0, 0.6 and 1, equally often. Variance between the groups with the cut after 0 and after 0.6:
    # 2/9 * 0.8^2 > 2/9 * 0.7^2. Squared, the heat is 0, 0.36 and 1: 2/9 * 0.68^2 < 2/9 * 0.82^2.
    histogram = np.zeros(256, np.int64)
    histogram[[0, 153, 255]] = 2
    assert otsu(histogram) == pytest.approx(0.5 / 255)
    assert otsu(histogram, 2) == pytest.approx(153.5 / 255)


@pytest.mark.parametrize("seed", range(5))
def test_otsu_against_opencv(seed: int) -> None:
    rng = np.random.default_rng(seed)
    levels = np.concatenate([rng.normal(60, 20, 4000), rng.normal(180, 30, 1000 * (seed + 1))])
    image = np.clip(levels, 0, 255).astype(np.uint8)[None]
    expected, _ = cv2.threshold(image, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)
    assert otsu(heat_histogram(image[None])) == pytest.approx((expected + 0.5) / 255)


def test_otsu_needs_two_levels() -> None:
    histogram = np.zeros(256, np.int64)
    histogram[9] = 5
    message = r"learnt too little .*classifier\.training\.steps.*check that the labels fit the images"
    with pytest.raises(UserError, match=message):
        otsu(histogram)
    with pytest.raises(UserError, match=message):
        otsu(np.zeros(256, np.int64))
