"""Heatmaps of a classifier with top cells: CAM and Grad-CAM as with the mean of all cells."""

import pytest
import torch
from torch import Tensor

from pipeline.classifier.network import Classifier, ClassifierConfig, Pooling
from pipeline.heatmaps import explain
from pipeline.heatmaps.class_maps import class_maps
from pipeline.heatmaps.layers import find_target
from pipeline.workflows.classifier_target import classifier_target

IMAGES = torch.rand(2, 3, 96, 128, generator=torch.Generator().manual_seed(0))
CLASSES = [[1], [0, 2]]


def make_net(pooling: Pooling) -> Classifier:
    torch.manual_seed(0)
    config = ClassifierConfig("tu-resnet10t", 32, ("a", "b", "c"), pooling=pooling)
    return Classifier(config).eval()


def maps(net: Classifier, method: str) -> Tensor:
    return class_maps(net, IMAGES, CLASSES, [method], classifier_target(net)).maps[method]


@pytest.mark.parametrize("pooling", ["mean", 0.05, 0.3, 1.0])
def test_cam_weighs_channels_as_the_fc_layer_does(pooling: Pooling) -> None:
    net = make_net(pooling)
    with torch.no_grad():
        activations = net.features(IMAGES)[-1]
        expected = torch.einsum("ck,nkhw->nchw", net.fc.weight, activations)
    heat = maps(net, "cam")
    torch.testing.assert_close(heat[0, 0], expected[0, 1], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(heat[1], expected[1, [0, 2]], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pooling", [0.05, 0.3, 1.0])
def test_gradcam_is_relu_of_cam_by_the_cells(pooling: Pooling) -> None:
    net = make_net(pooling)
    torch.testing.assert_close(maps(net, "gradcam"), maps(net, "cam").relu() / 12, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pooling", [0.05, 0.3, 1.0])
def test_hirescam_has_heat_in_top_cells_alone(pooling: Pooling) -> None:
    net = make_net(pooling)
    heat, all_cells = maps(net, "hirescam")[0, 0].flatten(), maps(net, "cam")[0, 0].flatten()
    top = all_cells.topk(max(1, round(pooling * 12))).indices
    expected = torch.zeros(12).index_copy(0, top, all_cells[top].relu() / len(top))
    torch.testing.assert_close(heat, expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("pooling", [0.05, 0.3, 1.0])
def test_the_averaged_network_is_that_of_the_mean(pooling: Pooling) -> None:
    net, mean = make_net(pooling), make_net("mean")
    with torch.no_grad():
        assert torch.equal(net.averaged()(IMAGES), mean(IMAGES))
    assert torch.equal(maps(net, "gradcampp"), maps(mean, "gradcampp"))


@pytest.mark.parametrize("pooling", [0.05, 0.3, 1.0])
def test_explain_finds_the_layer(pooling: Pooling) -> None:
    net = make_net(pooling)
    assert find_target(net, IMAGES[:1], None).layer is net.pool
    heat = explain(net, IMAGES, CLASSES, method="gradcam")
    assert [len(of_image) for of_image in heat] == [1, 2]
