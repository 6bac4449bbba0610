"""The last feature map before global pooling is found in networks of three libraries."""

import copy

import pytest
import timm
import torch
from segmentation_models_pytorch.encoders import get_encoder
from torch import Tensor, nn
from torchvision import models

from pipeline.heatmaps.layers import find_target, named_layer, same_target

IMAGE = torch.rand(1, 3, 64, 96)


class EncoderClassifier(nn.Module):
    """An encoder of segmentation-models-pytorch with global average pooling and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = get_encoder("resnet18", weights=None)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 5))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(self.encoder(images)[-1])
        return logits


# Layer and side of the map, whether its mean is an input of a module, whether the head is linear.
NETWORKS = {
    "resnet18": ("avgpool", "input", True, True),
    "mobilenet_v2": ("features.18.2", "output", True, True),  # pools without a module
    "mobilenet_v3_small": ("avgpool", "input", True, False),  # two linear layers
    "efficientnet_b0": ("avgpool", "input", True, True),
    "vgg11": ("avgpool", "output", False, False),  # pools to 7 x 7 and flattens
    "densenet121": (
        "features.norm5",
        "output",
        False,
        False,
    ),  # a ReLU without a module comes before the mean
    "squeezenet1_1": ("classifier.3", "input", False, False),
    "timm/resnet10t": ("global_pool.pool", "input", True, True),
    "timm/convnext_atto": ("head.global_pool.pool", "input", True, False),  # a norm layer after the mean
    "timm/repvgg_a0": ("head.global_pool.pool", "input", True, True),
    "smp/resnet18": ("head.0", "input", True, True),
}


def test_target_of_a_copy_is_in_the_copy() -> None:
    net = EncoderClassifier().eval()
    twin = copy.deepcopy(net)
    target = same_target(find_target(net, IMAGE, None), net, twin)
    assert target == find_target(twin, IMAGE, None)
    assert target.layer is twin.head[0]


class TwoPools(nn.Module):
    """Average and maximum of one feature map, joined: no single module sees all that the score rests on."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Conv2d(3, 4, 3)
        self.mean, self.peak = nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)
        self.fc = nn.Linear(8, 2)

    def forward(self, images: Tensor) -> Tensor:
        features = self.features(images)
        logits: Tensor = self.fc(torch.cat([self.mean(features), self.peak(features)], 1).flatten(1))
        return logits


def test_two_pools_side_by_side_are_refused() -> None:
    with pytest.raises(ValueError, match=r"several pooling modules.*Layers: features, mean, peak, fc"):
        find_target(TwoPools(), IMAGE, None)
    assert find_target(TwoPools(), IMAGE, "features").side == "output"


def make(name: str) -> nn.Module:
    torch.manual_seed(0)
    if name.startswith("timm/"):
        net: nn.Module = timm.create_model(name.removeprefix("timm/"), pretrained=False)
    elif name.startswith("smp/"):
        net = EncoderClassifier()
    else:
        net = models.get_model(name, weights=None)
    return net.eval()


@pytest.mark.parametrize("name", NETWORKS)
def test_found_before_global_pooling(name: str) -> None:
    net = make(name)
    target = find_target(net, IMAGE, None)
    layer, side, pooled, linear = NETWORKS[name]
    assert target.layer is net.get_submodule(layer)
    assert (target.side, target.pooled is not None, target.linear_head) == (side, pooled, linear)
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in net.modules())


def test_max_pooling_is_no_mean() -> None:
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 2)).eval()
    target = find_target(net, IMAGE, None)
    assert (target.layer, target.side, target.pooled, target.linear_head) == (net[1], "input", None, False)


def test_names_count_from_the_front_and_from_the_end() -> None:
    net = make("resnet18")
    assert named_layer(net, "layer4.-1.conv1") is net.get_submodule("layer4.1.conv1")
    assert named_layer(net, "layer4.0") is net.get_submodule("layer4.0")
    with pytest.raises(ValueError, match=r"layer 'layer4\.-3': expected one of 0, 1, got '-3'"):
        named_layer(net, "layer4.-3")
