"""Masks of data in which every pixel belongs to a class: the labels of the image share its pixels."""

import numpy as np
import pytest

from pipeline.data.images import IGNORE
from pipeline.masks.confidence import heat_confidence
from pipeline.masks.pseudo_masks import make_pseudo_mask
from pipeline.masks.threshold import label_ids, mask_at_threshold, normalised_scores, uncertain
from pipeline.params import load_params
from tests.golden.project import SHIPPED

# 2 x 3 pixels of the classes 3 and 0.
HEAT = np.array([[[0.9, 0.2, 0.0], [0.5, 0.1, 0.0]], [[0.3, 0.6, 0.0], [0.5, 0.2, 0.7]]], np.float32)
CLASSES = np.array([3, 0])


def test_the_largest_heat_wins_everywhere() -> None:
    assert label_ids(HEAT, CLASSES, background=False).tolist() == [4, 1]
    # Of equal heat the first class wins, also where both are 0.
    assert mask_at_threshold(HEAT, CLASSES, None).tolist() == [[4, 1, 4], [4, 1, 1]]


def test_one_class_is_all_of_the_image() -> None:
    assert (mask_at_threshold(HEAT[:1] * 0, CLASSES[:1], None) == 4).all()


def test_no_class_leaves_all_open() -> None:
    none = np.zeros((0, 2, 3), np.float32), np.zeros(0, int)
    assert (mask_at_threshold(*none, None) == IGNORE).all()
    made = make_pseudo_mask(np.zeros((2, 3, 3), np.uint8), *none, None, load_params(SHIPPED).pseudo_masks)
    assert (made.mask == IGNORE).all()
    assert (made.refined == IGNORE).all()


def test_scores_are_shares_of_the_heat() -> None:
    scores = normalised_scores(HEAT, None)
    assert scores.shape == HEAT.shape
    assert np.allclose(scores.sum(0), 1)
    assert np.allclose(scores[0, 0], [0.75, 0.25, 0.5], atol=1e-5)  # .9 / 1.2, .2 / .8, and none of either
    assert not uncertain(HEAT, None, 0.3).any()


@pytest.mark.parametrize("refine", ["none", "crf"])
def test_a_pseudo_mask_has_no_background(refine: str) -> None:
    if refine == "crf":
        pytest.importorskip("pydensecrf")
    rng = np.random.default_rng(0)
    image = np.repeat(np.where(np.arange(40) < 15, 60, 200).astype(np.uint8)[None], 24, 0)
    image = np.repeat(image[:, :, None], 3, 2)
    heat = np.stack([image[..., 0] < 128, image[..., 0] > 128]) * 0.05 + rng.random((2, 24, 40)) * 0.01
    params = load_params(SHIPPED).pseudo_masks.model_copy(update={"refine": refine, "band": 0.2})
    made = make_pseudo_mask(image, heat.astype(np.float32), CLASSES, None, params)
    # At any threshold of the shipped range, heat this low would be background.
    assert (made.mask == np.where(image[..., 0] < 128, 4, 1)).all()
    assert made.probabilities.shape == (2, 24, 40)


def test_confidence_is_the_share_inside_each_region() -> None:
    stored = np.array([[[204, 51]], [[51, 204]]], np.uint8)  # .8 and .2, and the other way round
    mask = np.array([[4, 1]], np.uint8)
    assert heat_confidence(mask, stored, CLASSES, None) == pytest.approx(0.8, abs=1e-4)
