"""The pixel classifier: what its features are, that it learns past wrong heat, and how it joins the heat."""

import cv2
import numpy as np
import pytest
import torch
from scipy.special import softmax
from threadpoolctl import threadpool_limits

from pipeline.masks.pixel_classifier import (
    FEATURES,
    FLOOR,
    POWER,
    PixelClassifier,
    pixel_features,
    train_pixel_classifier,
    with_likelihoods,
)

RNG = np.random.default_rng(0)


def clouds(count: int, shift: float) -> np.ndarray:
    """Features of two kinds of pixels, half of each: they differ in the first feature alone."""
    features = RNG.normal(size=(count, FEATURES)).astype(np.float32)
    features[count // 2 :, 0] += shift
    return features


def test_features_of_an_even_image_are_its_colour() -> None:
    colour = np.array([[[200, 40, 90]]], np.uint8)
    features = pixel_features(np.tile(colour, (20, 30, 1)))
    lab = cv2.cvtColor(colour.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)[0, 0]
    assert features.shape == (600, FEATURES)
    for start in (0, 3, 8, 13, 18):
        np.testing.assert_allclose(features[:, start : start + 3], np.tile(lab, (600, 1)), atol=1e-3)
    spread = features[:, [6, 7, 11, 12, 16, 17, 21, 22]]
    np.testing.assert_allclose(spread, 0, atol=0.1)  # the root of a rounded difference of squares


def test_features_come_in_the_order_of_rows() -> None:
    image = RNG.integers(0, 256, (5, 7, 3), np.uint8)
    lab = cv2.cvtColor(image.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    np.testing.assert_array_equal(pixel_features(image)[:, :3], lab.reshape(-1, 3))


def test_a_mirrored_image_has_mirrored_features() -> None:
    image = RNG.integers(0, 256, (40, 60, 3), np.uint8)
    features = pixel_features(image).reshape(40, 60, FEATURES)
    mirrored = pixel_features(np.ascontiguousarray(image[:, ::-1])).reshape(40, 60, FEATURES)
    np.testing.assert_allclose(mirrored[:, ::-1], features, atol=1e-2)


def test_it_is_right_more_often_than_what_taught_it() -> None:
    """A third of the ids are wrong; pixels of the two kinds are far apart."""
    truth = np.repeat([0, 1], 3000).astype(np.uint8)
    features = clouds(6000, shift=8)
    told = np.where(RNG.random(6000) < 1 / 3, 1 - truth, truth).astype(np.uint8)
    classifier = train_pixel_classifier(features, told, labels=2, seed=0)
    unseen = clouds(2000, shift=8)
    found = classifier.log_likelihoods(unseen).argmax(axis=1)
    assert (found == np.repeat([0, 1], 1000)).mean() > 0.97


def test_a_rare_id_is_as_likely_as_a_frequent_one_where_pixels_look_alike() -> None:
    features = RNG.normal(size=(6000, FEATURES)).astype(np.float32)
    ids = (np.arange(6000) % 20 == 0).astype(np.uint8)
    likelihoods = train_pixel_classifier(features, ids, labels=2, seed=0).log_likelihoods(features)
    assert abs(np.exp(likelihoods[:, 1]).mean() - 0.5) < 0.1


def test_same_seed_same_bytes() -> None:
    features, ids = clouds(500, shift=2), np.repeat([0, 1], 250).astype(np.uint8)
    one, same, other = (train_pixel_classifier(features, ids, labels=3, seed=seed) for seed in (0, 0, 1))
    for a, b in zip(one.layers, same.layers, strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(one.layers[0], other.layers[0])


def test_likelihoods_are_those_of_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Against numpy in float64, and in parts of any size."""
    sides = [(FEATURES, 8), (8,), (8, 8), (8,), (8, 3), (3,)]
    layers = tuple(RNG.normal(size=side).astype(np.float32) for side in sides)
    mean, std = RNG.normal(size=FEATURES).astype(np.float32), np.full(FEATURES, 2, np.float32)
    features = RNG.normal(size=(50, FEATURES)).astype(np.float32)
    values = (features.astype(np.float64) - mean) / std
    for weights, bias in (layers[0:2], layers[2:4]):
        values = np.maximum(values @ weights + bias, 0)
    expected = np.log(softmax(values @ layers[4] + layers[5], axis=1)).clip(np.log(FLOOR))
    monkeypatch.setattr("pipeline.masks.pixel_classifier.ROWS", 7)
    found = PixelClassifier(mean, std, np.ones(3, bool), layers).log_likelihoods(features)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found.dtype == np.float32


def test_threads_change_no_likelihood() -> None:
    """The threads of numpy's products and of torch's: stages run with any number of both."""
    features = clouds(2503, shift=2)
    classifier = train_pixel_classifier(features, (features[:, 0] > 1).astype(np.uint8), labels=2, seed=0)
    found, threads = [], torch.get_num_threads()
    for count in (1, 2):
        torch.set_num_threads(count)
        with threadpool_limits(count):
            found.append(classifier.log_likelihoods(features))
    torch.set_num_threads(threads)
    np.testing.assert_array_equal(*found)


def test_likelihoods_join_the_probabilities_of_the_ids_of_an_image() -> None:
    """Two ids of four, at the pixels of a 1 x 2 image."""
    probabilities = np.array([[[0.8, 0.5]], [[0.2, 0.5]]], np.float32)
    likelihoods = np.array([[0.1, 0.2, 0.3, 0.4], [0.04, 0.4, 0.4, 0.16]])
    joined = with_likelihoods(
        probabilities, np.log(likelihoods).astype(np.float32), np.array([0, 3], np.uint8)
    )
    background = np.array([0.8, 0.5]) * likelihoods[:, 0] ** POWER
    other = np.array([0.2, 0.5]) * likelihoods[:, 3] ** POWER
    np.testing.assert_allclose(joined[:, 0], [background, other] / (background + other), rtol=1e-5)


def test_one_id_stays_certain() -> None:
    joined = with_likelihoods(
        np.ones((1, 2, 3), np.float32), RNG.normal(size=(6, 4)).astype(np.float32), np.array([2], np.uint8)
    )
    np.testing.assert_array_equal(joined, np.ones((1, 2, 3)))
