"""Segments get one label each: superpixels, or segments from elsewhere."""

import numpy as np
import pytest

from pipeline.masks.segments import by_superpixels, mean_of_segments
from pipeline.params import SegmentParams

PARAMS = SegmentParams(folder=None, count=60, compactness=10.0)


def test_means_by_hand() -> None:
    image = np.zeros((2, 3, 3), np.uint8)
    segments = np.array([[0, 0, 1], [2, 0, 1]])
    heat = np.array([[0.3, 0.6, 0.9], [0.2, 0.3, 0.5]], np.float32)
    refined = mean_of_segments(segments, image, np.stack([1 - heat, heat]))
    # 0: (0.3 + 0.6 + 0.3) / 3 = 0.4; 1: (0.9 + 0.5) / 2 = 0.7; 2: 0.2
    expected = np.array([[0.4, 0.4, 0.7], [0.2, 0.4, 0.7]])
    np.testing.assert_allclose(refined, np.stack([1 - expected, expected]), rtol=1e-6)
    assert refined.dtype == np.float32


def test_weights_count_by_their_share_at_each_pixel() -> None:
    segments, image = np.array([[0, 0]]), np.zeros((1, 2, 3), np.uint8)
    # shares 1/4 and 3/4 at the left, 3/5 and 2/5 at the right; means 0.425 and 0.575
    refined = mean_of_segments(segments, image, np.array([[[1, 6]], [[3, 4]]], np.float32))
    np.testing.assert_allclose(refined[:, 0, 0], [0.425, 0.575], rtol=1e-6)


def test_a_number_without_pixels_does_no_harm() -> None:
    values = np.full((2, 2, 2), 0.5, np.float32)
    refined = mean_of_segments(np.array([[0, 5], [5, 5]]), np.zeros((2, 2, 3), np.uint8), values)
    np.testing.assert_array_equal(refined, values)


def test_segments_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"Expected segments \(2, 3\), got \(3, 2\)"):
        mean_of_segments(np.zeros((3, 2), int), np.zeros((2, 3, 3), np.uint8), np.ones((2, 2, 3), np.float32))


@pytest.mark.parametrize("size", [(48, 64), (64, 48)])
def test_superpixels_follow_the_edge_of_two_colours(size: tuple[int, int]) -> None:
    right = np.zeros(size, bool)
    right[:, size[1] // 4 + 1 :] = True
    image = np.where(right[..., None], [210, 190, 40], [30, 40, 160]).astype(np.uint8)
    weights = np.random.default_rng(0).random((2, *size)) + 0.5 * np.stack([~right, right])
    before = (weights / weights.sum(0)).astype(np.float32)
    assert np.mean((before.argmax(0) > 0) == right) < 0.9
    after = by_superpixels(image, before, PARAMS)
    assert np.array_equal(after.argmax(0) > 0, right)
    np.testing.assert_array_equal(after, by_superpixels(image, before, PARAMS))
    np.testing.assert_allclose(by_superpixels(image, before[::-1], PARAMS), after[::-1], atol=1e-6)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 4)])
def test_images_may_be_smaller_than_the_number_of_superpixels(size: tuple[int, int]) -> None:
    image = np.random.default_rng(0).integers(0, 256, (*size, 3), np.uint8)
    after = by_superpixels(image, np.full((2, *size), 0.5, np.float32), PARAMS)
    np.testing.assert_array_equal(after, 0.5)
