"""The slope of colours across outlines: a loop over thresholds, discs of known radius, no outline."""

import cv2
import numpy as np
import pytest
from scipy import ndimage

from pipeline.masks.outline_slope import WIDTH, outline_slopes
from pipeline.masks.threshold_sweep import THRESHOLDS

SIDE, REACH = 80, 30.0
SCHARR = np.array([[-3, 0, 3], [-10, 0, 10], [-3, 0, 3]]) / 32


def disc(radius: float) -> tuple[np.ndarray, np.ndarray]:
    """A red disc on green, and heat that falls with the distance from its centre, 0 beyond `REACH`."""
    y, x = np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2
    distance = np.hypot(x, y)
    image = np.where((distance < radius)[..., None], (200, 40, 40), (40, 160, 60)).astype(np.uint8)
    return image, np.clip(1 - distance / REACH, 0, 1).astype(np.float32)[None]


def gradient(values: np.ndarray, width: float) -> tuple[np.ndarray, np.ndarray]:
    smooth = ndimage.gaussian_filter(values, width, mode="mirror", truncate=5)
    return tuple(ndimage.correlate(smooth, kernel, mode="mirror") for kernel in (SCHARR, SCHARR.T))


def slopes_by_loop(image: np.ndarray, heat: np.ndarray) -> list[float]:
    """The definition, one threshold after the other, by scipy."""
    lab, width = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB), WIDTH * max(heat.shape)
    heat_x, heat_y = gradient(heat, width)
    channels = [gradient(channel, width) for channel in np.moveaxis(lab, 2, 0)]
    norm = np.hypot(heat_x, heat_y) + 1e-12
    along = np.sqrt(sum((x * heat_x / norm + y * heat_y / norm) ** 2 for x, y in channels))
    found = []
    for threshold in THRESHOLDS:
        inside = heat > np.float32(threshold)
        outline = inside & ~ndimage.binary_erosion(inside, np.ones((3, 3)), border_value=1)
        found.append(along[outline].mean() / along.mean() if outline.any() else np.nan)
    return found


def test_a_loop_gives_the_same() -> None:
    rng = np.random.default_rng(0)
    image = cv2.GaussianBlur(rng.integers(0, 256, (60, 90, 3), np.uint8), (0, 0), 3)
    heat = cv2.GaussianBlur(rng.random((60, 90), np.float32), (0, 0), 6)
    heat = (heat - heat.min()) / np.ptp(heat)
    assert outline_slopes(image, heat[None], THRESHOLDS) == pytest.approx(
        slopes_by_loop(image, heat), rel=0.02, nan_ok=True
    )


@pytest.mark.parametrize("radius", [6, 12, 21])
def test_the_steepest_outline_is_that_of_the_object(radius: float) -> None:
    image, heat = disc(radius)
    threshold = THRESHOLDS[np.nanargmax(outline_slopes(image, heat, THRESHOLDS))]
    assert REACH * (1 - threshold) == pytest.approx(radius, abs=1.5)


def test_edges_that_outlines_cross_do_not_count() -> None:
    stripes, heat = np.zeros((SIDE, SIDE, 3), np.uint8), np.zeros((1, SIDE, SIDE), np.float32)
    stripes[:, SIDE // 2 :] = 255  # one edge from top to bottom
    heat[0] = np.linspace(0, 1, SIDE)[:, None]  # its outlines lie from left to right
    along, across = (outline_slopes(image, heat, THRESHOLDS) for image in (stripes, stripes.swapaxes(0, 1)))
    assert across.max() > 10  # where outline and edge are the same
    assert along.max() < 1e-3


def test_the_strongest_of_several_heatmaps_counts() -> None:
    image, heat = disc(12)
    both = np.concatenate([0.3 * heat, heat])
    first, second = (outline_slopes(image, maps, THRESHOLDS) for maps in (both, heat))
    assert np.array_equal(first, second, equal_nan=True)


def test_images_of_one_colour_have_no_slope_and_flat_heat_has_no_outline() -> None:
    image, heat = disc(12)
    assert np.nanmax(outline_slopes(np.full_like(image, 90), heat, THRESHOLDS)) < 1e-3
    assert np.isnan(outline_slopes(image, np.ones_like(heat), THRESHOLDS)).all()
    assert np.isnan(outline_slopes(image, 0.01 * heat, THRESHOLDS)).all()


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 3), (3, 900)])
@pytest.mark.parametrize("maps", [0, 2])
def test_any_size_and_number_of_heatmaps(size: tuple[int, int], maps: int) -> None:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (*size, 3), np.uint8)
    slopes = outline_slopes(image, rng.random((maps, *size), np.float32), THRESHOLDS)
    assert slopes.shape == THRESHOLDS.shape
    assert np.isnan(slopes).all() == (maps == 0 or size == (1, 1))
