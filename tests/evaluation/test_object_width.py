"""How wide objects are in a mask: lines, discs and frames of known widths."""

import cv2
import numpy as np
import pytest

from pipeline.evaluation.marked_areas import mask_areas, mask_widths
from pipeline.evaluation.object_width import widest_place


def line(width: int) -> np.ndarray:
    mask = np.zeros((40, 60), np.uint8)
    mask[10 : 10 + width, 5:50] = 2
    return mask


@pytest.mark.parametrize(("width", "expected"), [(1, 1), (3, 3), (7, 7), (4, 3), (8, 7)])
def test_a_line_has_its_width(width: int, expected: int) -> None:
    assert widest_place(line(width), 2) == pytest.approx(expected)
    assert widest_place(np.ascontiguousarray(line(width).T), 2) == pytest.approx(expected)


@pytest.mark.parametrize("radius", [3, 6, 12])
def test_a_disc_has_its_diameter(radius: int) -> None:
    mask = cv2.circle(np.zeros((40, 60), np.uint8), (30, 20), radius, 1, -1)
    assert widest_place(mask, 1) == pytest.approx(2 * radius + 1, abs=2)


def test_the_widest_of_several_parts_counts() -> None:
    mask = line(3)
    mask[30:35, 10:20] = 2
    mask[0:8, 0:8] = 1
    assert widest_place(mask, 2) == pytest.approx(5)


@pytest.mark.parametrize("shape", [(4, 9), (9, 4), (1, 7)])
def test_what_fills_the_frame_has_its_shorter_side(shape: tuple[int, int]) -> None:
    assert widest_place(np.full(shape, 3, np.uint8), 3) == min(shape)
    assert np.isnan(widest_place(np.full(shape, 3, np.uint8), 1))


def test_what_the_frame_cuts_goes_on() -> None:
    mask = np.zeros((40, 60), np.uint8)
    mask[:, :10] = 1  # 10 pixels from the frame: a circle around a pixel of the frame has a radius of 10
    assert widest_place(mask, 1) == pytest.approx(19)


def test_widths_and_areas_of_classes() -> None:
    mask = line(3)
    mask[30, 10] = 255
    np.testing.assert_allclose(mask_areas(mask, 3), [0, 3 * 45 / 2400, 0])
    np.testing.assert_allclose(mask_widths(mask, 3, cell=6), [np.nan, 0.5, np.nan])
