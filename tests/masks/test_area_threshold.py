"""The threshold at which heat covers a given area."""

import numpy as np
import pytest

from pipeline.masks.area_threshold import area_threshold


@pytest.mark.parametrize("area", [0.01, 0.1, 0.25, 0.5, 0.9])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_is_the_lowest_that_leaves_no_more_than_the_area(area: float, seed: int) -> None:
    heat = np.random.default_rng(seed).beta(0.8, 2, 5000)
    levels = (heat * 255).round().astype(int)
    threshold = area_threshold(np.bincount(levels, minlength=256), area)
    assert (levels / 255 > threshold).mean() <= area
    assert (levels / 255 > threshold - 1 / 255).mean() > area


@pytest.mark.parametrize("level", [0, 128, 255])
@pytest.mark.parametrize("area", [0.001, 0.5, 1.0])
def test_one_level_alone_has_a_threshold_too(level: int, area: float) -> None:
    histogram = np.zeros(256, np.int64)
    histogram[level] = 10
    assert 0 < area_threshold(histogram, area) < 1
