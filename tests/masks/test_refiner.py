"""Refiners by name, and tile by tile."""

from dataclasses import dataclass

import numpy as np
import pytest

from pipeline.data.arrays import Probabilities
from pipeline.data.images import ImageArray
from pipeline.masks.crf import dense_crf
from pipeline.masks.refiner import refine_by_tiles, refiner
from pipeline.params import CrfParams, ParParams, Refinement, SegmentParams

CRF = CrfParams(
    iterations=3,
    gaussian_sxy=0.01,
    gaussian_compat=3.0,
    bilateral_sxy=0.05,
    bilateral_srgb=5.0,
    bilateral_compat=5.0,
    max_side=512,
)
PAR = ParParams(iterations=5, max_side=64)
SEGMENTS = SegmentParams(folder=None, count=48, compactness=1.0)


@dataclass
class Pieces:
    """A refiner that notes the sizes it was given; doubles the probabilities of the second label."""

    sizes: list[tuple[int, ...]]

    def __call__(self, image: ImageArray, probabilities: Probabilities) -> Probabilities:
        assert image.shape[:2] == probabilities.shape[1:]
        self.sizes.append(image.shape[:2])
        return probabilities * np.array([1, 2])[:, None, None] + image[None, :, :, 0]


def example(height: int, width: int) -> tuple[ImageArray, Probabilities]:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    heat = rng.random((1, height, width), np.float32)
    return image, np.concatenate([1 - heat, heat])


def crf(image: ImageArray, probabilities: Probabilities) -> Probabilities:
    return dense_crf(image, probabilities, CRF)


@pytest.mark.parametrize("size", [(120, 90), (64, 130), (33, 40)])
def test_one_tile_is_the_crf_itself(size: tuple[int, int]) -> None:
    image, probabilities = example(*size)
    assert np.array_equal(refine_by_tiles(crf, image, probabilities, 1), crf(image, probabilities))


@pytest.mark.parametrize("name", ["crf", "par", "segments"])
def test_a_step_in_colour_is_found_under_each_name(name: Refinement) -> None:
    image = np.zeros((48, 64, 3), np.uint8)
    image[:, 30:] = 200
    refine = refiner(name, CRF, PAR, SEGMENTS)
    assert refine is not None
    heat = np.broadcast_to(np.clip((np.arange(64) - 14) / 32, 0, 1), (1, 48, 64)).astype(np.float32)
    refined = refine(image, np.concatenate([1 - heat, heat]))  # a slope around column 30
    assert np.array_equal(refined.argmax(0) > 0, image[..., 0] > 0)
    np.testing.assert_allclose(refined.sum(0), 1, atol=1e-5)


@pytest.mark.parametrize("name", ["none", "colours"])
def test_other_names_refine_nothing(name: Refinement) -> None:
    assert refiner(name, CRF, PAR, SEGMENTS) is None


@pytest.mark.parametrize(("size", "tiles"), [((300, 200), 2), ((100, 480), 3), ((257, 260), 4)])
def test_every_pixel_comes_from_one_tile(size: tuple[int, int], tiles: int) -> None:
    pieces = Pieces([])
    image, probabilities = example(*size)
    refined = refine_by_tiles(pieces, image, probabilities, tiles)
    expected = probabilities * np.array([1, 2])[:, None, None] + image[None, :, :, 0]
    np.testing.assert_allclose(refined, expected, rtol=1e-6)
    assert len(pieces.sizes) > 1
    assert max(map(max, pieces.sizes)) <= -(-max(size) // tiles) + 32 + 2 * 32


@pytest.mark.parametrize("tiles", [2, 3, 5])
def test_a_step_stays_a_step_across_tiles(tiles: int) -> None:
    image = np.zeros((96, 320, 3), np.uint8)
    image[:, 150:] = 200
    heat = np.where(image[None, ..., 0] > 0, 0.7, 0.3).astype(np.float32)
    refined = refine_by_tiles(crf, image, np.concatenate([1 - heat, heat]), tiles)
    assert np.array_equal(refined.argmax(0) > 0, image[..., 0] > 0)
