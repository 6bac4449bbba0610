"""Predicted masks and their confidence, with and without the CRF."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.data.images import write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine.mapping import map_images
from pipeline.params import Params, load_params
from pipeline.segmentation.network import SegmentationConfig, SegmentationNet
from pipeline.segmentation.prediction import predict_probabilities
from pipeline.segmentation.tiles import most_probable
from pipeline.workflows.prediction import prediction_pass, probabilities

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")


def with_evaluation(**values: object) -> Params:
    return PARAMS.model_copy(update={"evaluation": PARAMS.evaluation.model_copy(update=values)})


def mask_of_the_model(net: SegmentationNet, image: np.ndarray) -> np.ndarray:
    section = PARAMS.evaluation
    return predict_probabilities(net, image, section.scales, flip=section.flip).argmax(0).numpy()


class Blurred(nn.Module):
    """Label 2 where it is bright, unsure of the outline: the logits are a wide mean of the brightness."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, images: Tensor) -> Tensor:
        bright = nn.functional.avg_pool2d(images.mean(1, keepdim=True), 17, 1, 8, count_include_pad=False)
        return torch.cat([-bright, torch.full_like(bright, -20), bright], 1) * self.weight


@pytest.fixture
def net() -> SegmentationNet:
    return SegmentationNet(Blurred(), SegmentationConfig(("a", "b"), 96)).eval()


@pytest.fixture
def square() -> tuple[np.ndarray, np.ndarray]:
    ground_truth = np.zeros((72, 96), np.uint8)
    ground_truth[16:40, 20:44] = 2
    noise = np.random.default_rng(0).integers(0, 6, (72, 96, 3))
    return (np.where(ground_truth[..., None] > 0, 220, 20) + noise).astype(np.uint8), ground_truth


def predict(net: SegmentationNet, image: np.ndarray, params: Params) -> np.ndarray:
    return most_probable(probabilities(net, image, params))


def test_the_model_alone(net: SegmentationNet, square: tuple[np.ndarray, np.ndarray]) -> None:
    mask = predict(net, square[0], with_evaluation(refine="none"))
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, mask_of_the_model(net, square[0]))


@pytest.mark.parametrize("refine", ["crf", "par", "segments"])
def test_a_refiner_finds_the_outline_and_keeps_the_ids(
    net: SegmentationNet, square: tuple[np.ndarray, np.ndarray], refine: str
) -> None:
    if refine == "crf" and not find_spec("pydensecrf"):
        pytest.skip("pydensecrf is not installed")
    image, ground_truth = square
    params = with_evaluation(refine=refine)
    segments = params.pseudo_masks.segments.model_copy(update={"count": 40})  # as wide as the model is unsure
    section = params.pseudo_masks.model_copy(update={"segments": segments})
    mask = predict(net, image, params.model_copy(update={"pseudo_masks": section}))
    alone = mask_of_the_model(net, image)
    assert mask.dtype == np.uint8
    assert set(np.unique(mask)) == {0, 2}
    assert (mask != ground_truth).sum() < 0.2 * (alone != ground_truth).sum()


class Fixed(nn.Module):
    """Logits of 0, 1 and -1 everywhere."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([0.0, 1.0, -1.0]).view(1, 3, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        return self.weight.expand(len(images), 3, *images.shape[-2:])


@pytest.fixture
def photos(tmp_path: Path, square: tuple[np.ndarray, np.ndarray]) -> Manifest:
    """Two sizes in turn, and no two images alike."""
    samples = []
    for number in range(5):
        image = np.roll(square[0], 9 * number, 1)[: (72, 60)[number % 2]]
        write_image(tmp_path / f"{number}.png", image)
        sample = Sample(str(number), f"{number}.png", "", *image.shape[:2], (), "val", False, False)
        samples.append(sample)
    return Manifest(str(tmp_path), ("a", "b"), tuple(samples))


def predicted(net: SegmentationNet, photos: Manifest, params: Params) -> dict[str, tuple[np.ndarray, float]]:
    """Mask and confidence of every image, as `evaluate` has them made."""
    found = prediction_pass(net, photos, params, lambda _, mask, __: mask, "test")
    names = [sample.name for sample in photos.samples]
    return dict(zip(names, map_images(photos.samples, found), strict=True))


def test_the_confidence_is_by_the_probabilities_of_the_model(photos: Manifest) -> None:
    net = SegmentationNet(Fixed(), SegmentationConfig(("a", "b"), 64)).eval()
    for mask, confidence in predicted(net, photos, PARAMS).values():
        assert (mask == 1).all()
        # softmax of (0, 1, -1): label 1 has e / (1 + e + 1 / e) = 0.6652
        assert confidence == pytest.approx(0.6652, abs=1e-4)


@pytest.mark.parametrize("refine", ["none", "crf", "par", "segments"])
def test_masks_of_batches_are_those_of_predict(net: SegmentationNet, photos: Manifest, refine: str) -> None:
    if refine == "crf" and not find_spec("pydensecrf"):
        pytest.skip("pydensecrf is not installed")
    params = with_evaluation(refine=refine, scales=(1.0, 0.5))
    found = predicted(net, photos, params)
    for sample in photos.samples:
        mask, confidence = found[sample.name]
        alone = predict(net, photos.image(sample), params)
        assert np.array_equal(mask, alone)
        assert 0.5 < confidence < 1
    assert len({mask.tobytes() for mask, _ in found.values()}) == len(photos.samples)
