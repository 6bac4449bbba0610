"""The dense CRF and the guards around it."""

import sys
from typing import Any

import numpy as np
import pytest

from pipeline.errors import UserError
from pipeline.masks import crf
from pipeline.masks.crf import dense_crf
from pipeline.params import LEAST_WIDTH, CrfParams

PARAMS = CrfParams(
    iterations=5,
    gaussian_sxy=0.02,
    gaussian_compat=3,
    bilateral_sxy=0.2,
    bilateral_srgb=9,
    bilateral_compat=10,
    max_side=512,
)


def changed(**values: object) -> CrfParams:
    """PARAMS with other values, unvalidated: the guards must hold on their own."""
    return PARAMS.model_copy(update=values)


def two_colours(height: int = 40, width: int = 64) -> tuple[np.ndarray, np.ndarray]:
    """An image, blue left of column width / 4 and yellow right of it, and ground truth (right = 1)."""
    ground_truth = np.zeros((height, width), int)
    ground_truth[:, width // 4 :] = 1
    colours = np.array([[30, 40, 160], [210, 190, 40]], np.uint8)
    return colours[ground_truth], ground_truth


def noisy(ground_truth: np.ndarray, labels: int = 2, seed: int = 0) -> np.ndarray:
    """Probabilities (labels, H, W) that are right at about 70 % of the pixels."""
    rng = np.random.default_rng(seed)
    weights = rng.random((labels, *ground_truth.shape)) + 0.5 * (
        np.arange(labels)[:, None, None] == ground_truth
    )
    probabilities: np.ndarray = (weights / weights.sum(axis=0)).astype(np.float32)
    return probabilities


@pytest.fixture
def no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """A call of pydensecrf fails the test: the guards come first."""

    def refuse() -> Any:
        raise AssertionError("pydensecrf was called")

    monkeypatch.setattr(crf, "_library", refuse)


@pytest.mark.parametrize("size", [(40, 64), (64, 40)])
def test_noise_is_cleaned_up_to_the_colour_edge(size: tuple[int, int]) -> None:
    image, ground_truth = two_colours(*size)
    before = noisy(ground_truth)
    after = dense_crf(image, before, PARAMS)
    assert np.mean(before.argmax(axis=0) == ground_truth) < 0.9
    np.testing.assert_array_equal(after.argmax(axis=0), ground_truth)


def test_result_is_a_probability_for_each_label() -> None:
    image, ground_truth = two_colours()
    after = dense_crf(image, noisy(ground_truth, labels=4), PARAMS)
    assert after.dtype == np.float32
    assert after.shape == (4, 40, 64)
    assert after.min() >= 0
    np.testing.assert_allclose(after.sum(axis=0), 1, atol=1e-5)


def test_without_pairwise_terms_the_probabilities_come_back() -> None:
    image, ground_truth = two_colours()
    before = noisy(ground_truth, labels=3)
    after = dense_crf(image, 7 * before, changed(gaussian_compat=0, bilateral_compat=0))
    np.testing.assert_allclose(after, before, atol=1e-5)


def test_width_and_height_are_not_confused() -> None:
    image, ground_truth = two_colours(40, 64)
    upright = dense_crf(image, noisy(ground_truth), PARAMS)
    turned = dense_crf(image.transpose(1, 0, 2), noisy(ground_truth).transpose(0, 2, 1), PARAMS)
    assert np.mean(turned.argmax(axis=0) == upright.argmax(axis=0).T) > 0.99


@pytest.mark.parametrize(("height", "width"), [(30, 80), (80, 30)])
def test_kernel_widths_are_shares_of_the_long_side(
    height: int, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, float] = {}

    class Recorder:
        def __init__(self, width: int, height: int, labels: int) -> None:
            self.shape = labels, height * width
            seen.update(width=width, height=height)

        def setUnaryEnergy(self, energy: np.ndarray) -> None:
            assert energy.flags.c_contiguous

        def addPairwiseGaussian(self, sxy: float, compat: float) -> None:
            seen.update(gaussian=sxy, compat=compat)

        def addPairwiseBilateral(self, sxy: float, srgb: float, rgbim: np.ndarray, compat: float) -> None:
            assert rgbim.flags.c_contiguous
            seen.update(bilateral=sxy, srgb=srgb)

        def inference(self, _: int) -> np.ndarray:
            return np.full(self.shape, 1 / self.shape[0])

    class Library:
        DenseCRF2D = Recorder

    monkeypatch.setattr(crf, "_library", Library)
    image, ground_truth = two_colours(height, width)
    after = dense_crf(image[:, ::-1], noisy(ground_truth), changed(max_side=40))
    # 80 px are halved; 0.02 * 40 = 0.8, 0.2 * 40 = 8.
    assert (seen.pop("height"), seen.pop("width")) == (height // 2, width // 2)
    assert seen == {"gaussian": 0.8, "compat": 3, "bilateral": 8, "srgb": 9}
    assert after.shape == (2, height, width)


def test_large_images_are_solved_small() -> None:
    image, ground_truth = two_colours(60, 96)
    after = dense_crf(image, noisy(ground_truth), changed(max_side=48))
    assert after.shape == (2, 60, 96)
    np.testing.assert_allclose(after.sum(axis=0), 1, atol=1e-5)
    away = np.abs(np.arange(96) - 24) > 2  # the edge itself is only known to 2 px
    np.testing.assert_array_equal(after.argmax(axis=0)[:, away], ground_truth[:, away])
    unchanged = dense_crf(image, noisy(ground_truth), changed(max_side=96))
    np.testing.assert_array_equal(unchanged, dense_crf(image, noisy(ground_truth), PARAMS))


def test_views_and_read_only_arrays_are_fine() -> None:
    image, ground_truth = two_colours()
    before = noisy(ground_truth)
    expected = dense_crf(image, before, PARAMS)
    view = np.ascontiguousarray(image[:, ::-1])[:, ::-1]
    np.testing.assert_array_equal(dense_crf(view, np.asfortranarray(before), PARAMS), expected)
    image.flags.writeable = False  # as PIL hands images over; pydensecrf refuses the buffer
    before.flags.writeable = False
    np.testing.assert_array_equal(dense_crf(image, before, PARAMS), expected)
    np.testing.assert_array_equal(dense_crf(image, before, changed(max_side=64)), expected)


def test_same_input_gives_the_same_bits() -> None:
    image, ground_truth = two_colours()
    np.testing.assert_array_equal(
        dense_crf(image, noisy(ground_truth), PARAMS), dense_crf(image, noisy(ground_truth), PARAMS)
    )


def test_input_is_left_alone() -> None:
    image, ground_truth = two_colours()
    before = noisy(ground_truth)
    copies = image.copy(), before.copy()
    dense_crf(image, before, PARAMS)
    np.testing.assert_array_equal(image, copies[0])
    np.testing.assert_array_equal(before, copies[1])


def test_impossible_labels_keep_a_finite_energy() -> None:
    image, ground_truth = two_colours()
    certain = np.stack([ground_truth == 0, ground_truth == 1]).astype(np.float32)
    np.testing.assert_array_equal(dense_crf(image, certain, PARAMS).argmax(axis=0), ground_truth)


@pytest.mark.usefixtures("no_library")
def test_image_without_labels_needs_no_library() -> None:
    image, _ = two_colours()
    np.testing.assert_array_equal(dense_crf(image, np.full((1, 40, 64), 0.3, np.float32), PARAMS), 1)


@pytest.mark.usefixtures("no_library")
@pytest.mark.parametrize("name", ["gaussian_sxy", "bilateral_sxy", "bilateral_srgb"])
@pytest.mark.parametrize("value", [0.0, -1.0, 1e-30, 1e-6, float("nan"), float("inf")])
def test_widths_that_would_crash_are_refused_first(name: str, value: float) -> None:
    image, ground_truth = two_colours()
    with pytest.raises(ValueError, match=name):
        dense_crf(image, noisy(ground_truth), changed(**{name: value}))


@pytest.mark.parametrize("name", ["gaussian_sxy", "bilateral_sxy", "bilateral_srgb"])
def test_the_smallest_widths_reach_no_neighbour(name: str) -> None:
    image, ground_truth = two_colours()
    least = LEAST_WIDTH[name.partition("_")[2]]
    smallest, small = (dense_crf(image, noisy(ground_truth), changed(**{name: n * least})) for n in (1, 2))
    np.testing.assert_allclose(smallest, small, atol=1e-3)


@pytest.mark.usefixtures("no_library")
@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1])
def test_values_that_are_no_probabilities_are_refused(value: float) -> None:
    image, ground_truth = two_colours()
    wrong = noisy(ground_truth)
    wrong[:, 5, 60] = 0.9, value  # the sum stays above 0
    with pytest.raises(ValueError, match="finite"):
        dense_crf(image, wrong, PARAMS)
    wrong[:, 5, 60] = 0
    with pytest.raises(ValueError, match="not all 0"):
        dense_crf(image, wrong, PARAMS)


@pytest.mark.usefixtures("no_library")
def test_sizes_and_types_that_do_not_fit_are_refused() -> None:
    image, ground_truth = two_colours()
    with pytest.raises(ValueError, match="40, 64"):
        dense_crf(image, noisy(ground_truth).transpose(0, 2, 1), PARAMS)
    with pytest.raises(ValueError, match="uint8 image"):
        dense_crf(image.astype(np.float32), noisy(ground_truth), PARAMS)
    with pytest.raises(ValueError, match="uint8 image"):
        dense_crf(image[..., :1], noisy(ground_truth), PARAMS)


@pytest.mark.parametrize("bad", [np.nan, 0.7])
def test_impossible_results_are_refused(monkeypatch: pytest.MonkeyPatch, bad: float) -> None:
    image, ground_truth = two_colours()
    monkeypatch.setattr(crf, "_solve", lambda *_: np.full((2, 40, 64), bad, np.float32))
    with pytest.raises(ArithmeticError, match="sum to 1"):
        dense_crf(image, noisy(ground_truth), PARAMS)


def test_machine_without_pydensecrf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydensecrf", None)  # import raises
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    image, ground_truth = two_colours()
    with pytest.raises(UserError, match=r"compiler and run `make`.*pseudo_masks.refine: none"):
        dense_crf(image, noisy(ground_truth), PARAMS)
