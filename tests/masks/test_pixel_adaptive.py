"""Pixel-adaptive refinement against loops, closed forms and symmetries."""

from itertools import product

import numpy as np
import pytest

from pipeline.masks.pixel_adaptive import pixel_adaptive
from pipeline.params import ParParams

MOVES = [(d * y, d * x) for d in (1, 2, 4, 8, 12, 24) for y, x in product((-1, 0, 1), repeat=2) if y or x]


def par(iterations: int = 10, max_side: int = 512) -> ParParams:
    return ParParams(iterations=iterations, max_side=max_side)


def example(height: int = 21, width: int = 30, labels: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """An image with some structure, and probabilities (L, H, W)."""
    rng = np.random.default_rng(0)
    blocks = rng.integers(0, 256, (height // 5 + 1, width // 5 + 1, 3))
    image = np.kron(blocks, np.ones((5, 5, 1)))[:height, :width] + rng.integers(-9, 10, (height, width, 3))
    values = rng.random((labels, height, width))
    return image.clip(0, 255).astype(np.uint8), (values / values.sum(0)).astype(np.float32)


def softmax(values: np.ndarray) -> np.ndarray:
    exponents: np.ndarray = np.exp(values - values.max())
    return exponents / exponents.sum()


def position_weights() -> np.ndarray:
    """The softmax of the position, for the 48 neighbours in the order of `MOVES`."""
    distances = np.array([np.hypot(y, x) for y, x in MOVES])
    return softmax(-((distances / (0.3 * distances.std(ddof=1))) ** 2))


def by_loops(image: np.ndarray, values: np.ndarray, iterations: int) -> np.ndarray:
    """The formula of the paper in float64, pixel by pixel."""
    height, width = image.shape[:2]
    pixels, position = image.astype(float), position_weights()
    for _ in range(iterations):
        after = np.zeros(values.shape)
        for i, j in np.ndindex(height, width):
            near = [(min(max(i + y, 0), height - 1), min(max(j + x, 0), width - 1)) for y, x in MOVES]
            colours = np.array([pixels[place] for place in near])
            spread = colours.std(axis=0, ddof=1) + 1e-8
            energy = -(((colours - pixels[i, j]) / (0.3 * spread)) ** 2).mean(axis=1)
            weights = (softmax(energy) + 0.01 * position) / 1.01
            after[:, i, j] = sum(w * values[:, y, x] for w, (y, x) in zip(weights, near, strict=True))
        values = after
    return values


@pytest.mark.parametrize("iterations", [1, 3])
def test_against_loops(iterations: int) -> None:
    image, before = example(11, 17)
    after = pixel_adaptive(image, before, par(iterations))
    np.testing.assert_allclose(after, by_loops(image, before.astype(float), iterations), atol=1e-6)


def test_a_uniform_image_gives_an_average_that_the_position_alone_weighs() -> None:
    before = np.zeros((2, 61, 70), np.float32)
    before[0] = 1
    before[:, 30, 35] = 0, 1
    after = pixel_adaptive(np.full((61, 70, 3), 77, np.uint8), before, par(1))[1]
    expected = np.zeros((61, 70))  # no pixel is a neighbour of its own
    for (y, x), weight in zip(MOVES, position_weights(), strict=True):
        expected[30 - y, 35 - x] = (1 / 48 + 0.01 * weight) / 1.01
    np.testing.assert_allclose(after, expected, rtol=1e-5)


@pytest.mark.parametrize("size", [(40, 64), (64, 40)])
def test_the_mask_follows_the_edge_of_two_colours(size: tuple[int, int]) -> None:
    right = np.zeros(size, bool)
    right[:, size[1] // 4 :] = True
    image = np.where(right[..., None], [210, 190, 40], [30, 40, 160]).astype(np.uint8)
    weights = np.random.default_rng(0).random((2, *size)) + 0.5 * np.stack([~right, right])
    before = (weights / weights.sum(0)).astype(np.float32)
    assert np.mean((before.argmax(0) > 0) == right) < 0.9
    assert np.array_equal(pixel_adaptive(image, before, par()).argmax(0) > 0, right)


def test_probabilities_stay_probabilities() -> None:
    image, before = example()
    after = pixel_adaptive(image, 7 * before, par())
    assert after.dtype == np.float32
    assert after.min() >= 0
    np.testing.assert_allclose(after.sum(0), 1, atol=1e-5)
    constant = np.broadcast_to(np.array([0.2, 0.5, 0.3], np.float32)[:, None, None], before.shape)
    np.testing.assert_allclose(pixel_adaptive(image, constant, par()), constant, atol=1e-5)


def test_labels_may_change_their_order() -> None:
    image, before = example()
    turned = pixel_adaptive(image, before[[2, 0, 1]], par())
    np.testing.assert_allclose(turned, pixel_adaptive(image, before, par())[[2, 0, 1]], atol=1e-5)


@pytest.mark.parametrize("axis", [0, 1])
def test_flips_commute(axis: int) -> None:
    image, before = example()
    flipped = pixel_adaptive(np.flip(image, axis), np.flip(before, axis + 1), par())
    np.testing.assert_allclose(flipped, np.flip(pixel_adaptive(image, before, par()), axis + 1), atol=1e-5)


def test_rows_and_columns_may_change_places() -> None:
    image, before = example()
    turned = pixel_adaptive(image.transpose(1, 0, 2), before.transpose(0, 2, 1), par())
    np.testing.assert_allclose(turned.transpose(0, 2, 1), pixel_adaptive(image, before, par()), atol=1e-5)


def test_large_images_are_solved_at_max_side() -> None:
    image, before = example(60, 90)
    after = pixel_adaptive(image, before, par(max_side=30))
    assert after.shape == before.shape
    np.testing.assert_allclose(after.sum(0), 1, atol=1e-5)
    whole = pixel_adaptive(image, before, par(max_side=90))
    np.testing.assert_array_equal(whole, pixel_adaptive(image, before, par(max_side=512)))
    assert np.abs(after - whole).max() > 0.01


def test_it_repeats_to_the_bit_and_leaves_its_input_alone() -> None:
    image, before = example()
    copies = image.copy(), before.copy()
    image.setflags(write=False)
    before.setflags(write=False)
    first = pixel_adaptive(image, before, par())
    np.testing.assert_array_equal(first, pixel_adaptive(image, before, par()))
    assert np.array_equal(image, copies[0])
    assert np.array_equal(before, copies[1])


def test_one_label_is_certain() -> None:
    image, before = example(labels=1)
    np.testing.assert_array_equal(pixel_adaptive(image, before, par()), 1)


def test_an_image_may_be_smaller_than_the_dilations() -> None:
    image, before = example(3, 2)
    after = pixel_adaptive(image, before, par(2))
    np.testing.assert_allclose(after, by_loops(image, before.astype(float), 2), atol=1e-6)


def test_wrong_input_is_refused() -> None:
    image, before = example()
    with pytest.raises(ValueError, match="finite probabilities"):
        pixel_adaptive(image, -before, par())
    with pytest.raises(ValueError, match="Expected probabilities"):
        pixel_adaptive(image, before.transpose(0, 2, 1), par())
