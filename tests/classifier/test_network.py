"""The GAP + FC network: its head, its frozen norms, its file format."""

from pathlib import Path

import pytest
import torch

from pipeline.classifier.classifier_training import multi_hot
from pipeline.classifier.network import Classifier, ClassifierConfig, load_classifier, save_classifier
from pipeline.data.pixels.reading import ImageReading
from pipeline.engine.batch_norm_folding import NormConv2d

READING = ImageReading(bands=(4, 3, 2), ranges=((-5.5, 4095.0),))
CONFIG = ClassifierConfig("tu-resnet10t", 32, ("a", "b", "c"), READING)


@pytest.fixture
def net() -> Classifier:
    torch.manual_seed(0)
    return Classifier(CONFIG).eval()


def test_logits_are_fc_of_the_mean_of_the_feature_map(net: Classifier) -> None:
    images = torch.rand(2, 3, 64, 96)
    with torch.no_grad():
        features = net.encoder(net.normalise(images))[-1]
        assert features.shape[-2:] == (2, 3)
        assert torch.allclose(net(images), net.fc(features.mean((2, 3))), atol=1e-5)


def test_pixels_are_normalised_with_imagenets_values(net: Classifier) -> None:
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    assert torch.allclose(net.normalise(mean.expand(1, 3, 4, 5)), torch.zeros(1, 3, 4, 5), atol=1e-6)
    assert torch.allclose(net.normalise((mean + std).expand(1, 3, 4, 5)), torch.ones(1, 3, 4, 5), atol=1e-5)


@pytest.mark.parametrize(("stride", "cells"), [(8, 8), (16, 4), (32, 2)])
def test_output_stride(stride: int, cells: int) -> None:
    net = Classifier(ClassifierConfig("resnet18", stride, ("a",))).eval()
    with torch.no_grad():
        assert net.encoder(torch.rand(1, 3, 64, 64))[-1].shape[-1] == cells


def test_head_stays_in_float32_under_autocast(net: Classifier) -> None:
    with torch.autocast("cpu", torch.bfloat16), torch.no_grad():
        assert net(torch.rand(1, 3, 64, 64)).dtype == torch.float32


def test_frozen_norms_stay_frozen_in_training_mode() -> None:
    net = Classifier(CONFIG, frozen_norm=True).train()
    norms = [m for m in net.encoder.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert net.training
    assert any(isinstance(m, NormConv2d) for m in net.encoder.modules())


def test_saved_network_gives_the_same_logits(net: Classifier, tmp_path: Path) -> None:
    save_classifier(tmp_path / "m", net)
    images = torch.rand(1, 3, 64, 96)
    again = load_classifier(tmp_path / "m")
    with torch.no_grad():
        assert torch.equal(again(images), net(images))
    assert again.config == CONFIG


def test_multi_hot() -> None:
    assert multi_hot((0, 2), 4).tolist() == [1, 0, 1, 0]
    assert multi_hot((), 3).tolist() == [0, 0, 0]
