"""The contrast of regions: closed forms on images of two colours, and outlines that lie beside the object."""

import cv2
import numpy as np
import pytest

from pipeline.masks.region_contrast import LEAST_SPREAD, region_contrast

SIDE = 60
OBJECT, GROUND = (200, 40, 40), (40, 160, 60)


def image_and_mask() -> tuple[np.ndarray, np.ndarray]:
    image = np.full((SIDE, SIDE, 3), GROUND, np.uint8)
    mask = np.zeros((SIDE, SIDE), np.uint8)
    image[20:40, 20:40], mask[20:40, 20:40] = OBJECT, 1
    return image, mask


def lab(colour: tuple[int, int, int]) -> np.ndarray:
    return cv2.cvtColor(np.array([[colour]], np.float32) / 255, cv2.COLOR_RGB2LAB)[0, 0]


def test_flat_colours_have_their_distance() -> None:
    image, mask = image_and_mask()
    distance = np.linalg.norm(lab(OBJECT) - lab(GROUND)) / LEAST_SPREAD
    assert region_contrast(image, mask > 0) == pytest.approx(distance, rel=1e-5)


def test_many_pixels_lose_no_digits() -> None:
    image, mask = np.full((1400, 1900, 3), (119, 119, 119), np.uint8), np.zeros((1400, 1900), bool)
    image[100:-100, 100:-100], mask[100:-100, 100:-100] = (131, 131, 131), True
    distance = np.linalg.norm(lab((131, 131, 131)) - lab((119, 119, 119))) / LEAST_SPREAD
    assert region_contrast(image, mask) == pytest.approx(distance, rel=1e-4)


@pytest.mark.parametrize("wrong", [np.s_[20:40, 25:45], np.s_[10:50, 10:50], np.s_[25:35, 25:35]])
def test_outlines_beside_the_object_have_less(wrong: tuple[slice, slice]) -> None:
    image, mask = image_and_mask()
    beside = np.zeros_like(mask)
    beside[wrong] = 1
    assert region_contrast(image, beside > 0) < 0.2 * region_contrast(image, mask > 0)


def test_noise_is_the_spread() -> None:
    image, mask = image_and_mask()
    noise = np.random.default_rng(0).normal(0, 20, image.shape)
    noisy = np.clip(image + noise, 0, 255).astype(np.uint8)
    values = cv2.cvtColor(noisy.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    reach = round(0.03 * np.hypot(SIDE, SIDE))
    rows = slice(20 - reach, 40 + reach)
    ring = np.zeros(mask.shape, bool)
    ring[rows, rows] = True
    inside, around = values[mask == 1], values[ring & (mask == 0)]
    spread = np.sqrt((inside.var(0).sum() + around.var(0).sum()) / 2)
    expected = np.linalg.norm(inside.mean(0) - around.mean(0)) / spread
    assert region_contrast(noisy, mask > 0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("fill", [0, 1])
def test_nothing_inside_or_around_has_no_contrast(fill: int) -> None:
    image, mask = image_and_mask()
    assert np.isnan(region_contrast(image, np.full(mask.shape, bool(fill))))
