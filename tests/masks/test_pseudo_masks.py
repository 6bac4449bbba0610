"""From stored heatmaps to the pseudo-mask of an image."""

from typing import Any

import numpy as np
import pytest

from pipeline.masks import pseudo_masks
from pipeline.masks.pseudo_masks import PseudoMask, make_pseudo_mask
from pipeline.masks.threshold import (
    mask_at_threshold,
    normalised_odds,
    normalised_scores,
    uncertain,
    upsample,
)
from pipeline.params import CrfParams, ParParams, PseudoMaskParams, SegmentParams

CRF = CrfParams(
    iterations=5,
    gaussian_sxy=0.02,
    gaussian_compat=3,
    bilateral_sxy=0.2,
    bilateral_srgb=9,
    bilateral_compat=10,
    max_side=512,
)
PAR = ParParams(iterations=10, max_side=512)
SEGMENTS = SegmentParams(folder=None, count=100, compactness=10.0)
NO_CLASS = np.zeros(0, int)


def params(refine: str, band: float) -> PseudoMaskParams:
    """The section `pseudo_masks` with the threshold `auto`, which the room must not read."""
    refiners = {"crf": CRF, "par": PAR, "segments": SEGMENTS}
    return PseudoMaskParams.model_validate({"threshold": "auto", "band": band, "refine": refine, **refiners})


def made(image: np.ndarray, stored: np.ndarray, *how: Any) -> PseudoMask:
    """The pseudo-mask of stored heat."""
    return make_pseudo_mask(image, upsample(stored, image.shape[:2]), *how)


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A red box on green (48, 64, 3), ground truth (id 3), and stored heat (1, 12, 16) that is too wide."""
    ground_truth = np.zeros((48, 64), np.uint8)
    ground_truth[12:36, 16:40] = 3
    image = np.where(ground_truth[..., None] > 0, [200, 40, 40], [40, 160, 60]).astype(np.uint8)
    y, x = np.mgrid[:12, :16]
    distance = np.maximum(np.abs(4 * y + 1.5 - 23.5), np.abs(4 * x + 1.5 - 27.5))  # from the box's centre
    heat = np.clip(1 - distance / 32, 0, 1)  # at the box's edge, 12 px: 0.625
    return image, ground_truth, np.round(heat * 255).astype(np.uint8)[None]


def test_crf_brings_the_seed_to_the_colour_edge() -> None:
    image, ground_truth, stored = scene()
    result = made(image, stored, np.array([2]), 0.5, params("crf", 0))
    seed = mask_at_threshold(upsample(stored, (48, 64)), np.array([2]), 0.5)
    assert np.mean(seed == ground_truth) < 0.9  # 16 px instead of 12 around the centre
    np.testing.assert_array_equal(result.refined, ground_truth)
    np.testing.assert_array_equal(result.mask, result.refined)  # no band


def test_the_crf_does_not_overrule_probabilities_that_are_sure() -> None:
    image = np.full((48, 64, 3), 128, np.uint8)  # no outline: the colours say that all is one thing
    stored = np.zeros((1, 12, 16), np.uint8)
    stored[0, 4:7, 5:8] = 255  # 9 of 192 cells, all sure
    # Neighbours weigh at most 3 + 1; a sure label log(510) = 6.2 as odds, and log(1 / 0.5) = 0.7 as a score.
    mild = CRF.model_copy(update={"bilateral_compat": 3, "gaussian_compat": 1})
    classes, section = np.array([2]), params("crf", 0).model_copy(update={"crf": mild})
    by_odds = made(image, stored, classes, 0.5, section, normalised_odds)
    by_scores = made(image, stored, classes, 0.5, section)
    assert (by_odds.refined[18:26, 22:30] == 3).all()
    assert not by_scores.refined.any()


@pytest.mark.parametrize("refine", ["crf", "par", "segments"])
def test_band_opens_the_refined_mask_by_the_heat(refine: str) -> None:
    image, _, stored = scene()
    result = made(image, stored, np.array([2]), 0.5, params(refine, 0.1))
    peak = upsample(stored, (48, 64))[0]
    is_open = (peak > np.float32(0.4)) & (peak <= np.float32(0.6))
    assert is_open.any()
    np.testing.assert_array_equal(result.mask, np.where(is_open, 255, result.refined))


def test_without_refinement_the_heat_alone_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(pseudo_masks, "refine_by_tiles")
    image, _, stored = scene()
    two = np.concatenate([stored, np.flip(stored, axis=2) // 2 + 60])
    classes = np.array([4, 1])
    heat = upsample(two, (48, 64))
    result = made(image, two, classes, 0.45, params("none", 0.1))
    assert set(np.unique(result.refined)) == {0, 2, 5}
    np.testing.assert_array_equal(result.refined, mask_at_threshold(heat, classes, 0.45))
    expected = np.where(uncertain(heat, 0.45, 0.1), 255, result.refined)
    np.testing.assert_array_equal(result.mask, expected)


@pytest.mark.parametrize("refine", ["crf", "par", "segments", "none"])
def test_image_without_labels_is_background(refine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.masks.crf._library", None)  # a call would fail
    image, _, _ = scene()
    result = made(image, np.zeros((0, 12, 16), np.uint8), NO_CLASS, 0.3, params(refine, 0.1))
    for mask in (result.refined, result.mask):
        np.testing.assert_array_equal(mask, np.zeros((48, 64)))
        assert mask.dtype == np.uint8


@pytest.mark.parametrize("refine", ["crf", "par", "segments"])
def test_classes_keep_their_ids_through_a_refiner(refine: str) -> None:
    image, ground_truth, stored = scene()
    flat = np.full_like(stored, 20)
    one = made(image, np.concatenate([stored, flat]), np.array([2, 0]), 0.5, params(refine, 0))
    other = made(image, np.concatenate([flat, stored]), np.array([0, 2]), 0.5, params(refine, 0))
    np.testing.assert_array_equal(other.refined, one.refined)
    assert set(np.unique(one.refined)) == {0, 3}
    seed = mask_at_threshold(upsample(stored, (48, 64)), np.array([2]), 0.5)
    most = {"crf": 0, "par": 0.5, "segments": 0.9}[refine]
    assert np.sum(one.refined != ground_truth) <= most * np.sum(seed != ground_truth)


def test_segments_of_another_tool_take_the_place_of_superpixels() -> None:
    image, ground_truth, stored = scene()
    noise = np.random.default_rng(0).integers(0, 256, image.shape, np.uint8)  # no superpixels to be found
    segments = (ground_truth > 0).astype(np.int64)
    section = params("segments", 0)
    result = made(noise, stored, np.array([2]), 0.5, section, normalised_scores, 1, segments)
    np.testing.assert_array_equal(result.refined, ground_truth)
