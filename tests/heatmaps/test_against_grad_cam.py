"""The same weights in the package grad-cam; its raw maps, before it scales them."""

import numpy as np
import pytest
import torch
from pytorch_grad_cam import GradCAM, GradCAMPlusPlus, HiResCAM, LayerCAM, XGradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torchvision import models

from pipeline.heatmaps import explain
from pipeline.heatmaps.class_maps import class_maps
from pipeline.heatmaps.layers import TargetLayer, named_layer
from pipeline.heatmaps.pytorch_grad_cam import library_names, pytorch_grad_cam_maps
from tests.heatmaps.nets import GapNet

IMAGES = torch.rand(2, 3, 64, 96, generator=torch.Generator().manual_seed(3))
CLASSES = [1, 4]
LAYERS = {"resnet18": "layer4", "vgg11": "features.-2", "mobilenet_v2": "features.-1"}
SAME = {"gradcam": GradCAM, "xgradcam": XGradCAM, "hirescam": HiResCAM, "layercam": LayerCAM}


def make(name: str) -> nn.Module:
    """Untrained, but with BatchNorm statistics of images: else deep activations are as small as an eps."""
    torch.manual_seed(0)
    net: nn.Module = models.get_model(name, weights=None, num_classes=6).train()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 1.0
    with torch.no_grad():
        net(torch.rand(8, 3, 64, 96))
    return net.eval()


def theirs(method: type, net: nn.Module, layer: nn.Module) -> Tensor:
    """relu of the package's map (N, h, w), not scaled."""
    targets = [ClassifierOutputTarget(c) for c in CLASSES]
    cam = method(net, [layer])
    cam(IMAGES, targets)
    activations = cam.activations_and_grads.activations[0].numpy()
    gradients = cam.activations_and_grads.gradients[0].numpy()
    raw = cam.get_cam_image(IMAGES, layer, targets, activations, gradients, False)
    return torch.tensor(np.maximum(raw, 0))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("method", SAME)
def test_against_grad_cam(name: str, method: str) -> None:
    net = make(name)
    layer = named_layer(net, LAYERS[name])
    maps = class_maps(net, IMAGES, [[c] for c in CLASSES], [method], TargetLayer(layer)).maps[method][:, 0]
    expected = theirs(SAME[method], net, layer)
    assert expected.amax((1, 2)).min() > 0
    assert torch.allclose(maps, expected, rtol=1e-3, atol=1e-3 * float(expected.max()))


def test_where_grad_cam_departs_from_grad_cam_plus_plus() -> None:
    # On a 16 x 16 map g^2 is near 1e-7: the package's eps of 1e-6 in the denominator outweighs it, and its
    # weights drift towards relu(g)^3. Ours has the closed form; theirs is off by a fifth of the maximum.
    net = GapNet(channels=64).eval()
    images = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(4))
    wanted = [[c] for c in CLASSES]
    maps = class_maps(net, images, wanted, ["gradcampp"], TargetLayer(net.features)).maps["gradcampp"]
    activations, weights = net.features(images).detach(), net.fc.weight.detach()[CLASSES]
    closed_weights = weights.relu() / (2 + weights * activations.mean((2, 3)))
    closed = torch.einsum("nk,nkhw->nhw", closed_weights, activations).relu()
    assert torch.allclose(maps[:, 0], closed, rtol=1e-4)
    with GradCAMPlusPlus(net, [net.features]) as cam:
        library = torch.tensor(cam(images, [ClassifierOutputTarget(c) for c in CLASSES]))
    low, high = closed.amin((1, 2), True), closed.amax((1, 2), True)
    assert 0.1 < (library - (closed - low) / (high - low)).abs().max() < 0.5


def with_positive_head(net: GapNet) -> GapNet:
    """`net` with logits above 0, so that no map is empty and a division by a logit is exact, at any seed."""
    with torch.no_grad():
        net.fc.weight.abs_()
        net.fc.bias.abs_()
    return net.eval()


def test_library_offers_the_methods_with_many_forward_passes() -> None:
    names = library_names()
    assert {"scorecam", "ablationcam", "eigencam"} <= set(names)
    assert not {"gradcam", "gradcamplusplus", "xgradcam", "hirescam", "layercam"} & set(names)


@pytest.mark.parametrize("name", ["scorecam", "ablationcam", "eigencam", "eigengradcam"])
@pytest.mark.parametrize("layer", [None, "features"])
def test_library_methods_behind_the_same_call(name: str, layer: str | None) -> None:
    net = with_positive_head(GapNet(channels=8)).requires_grad_(False)
    net.fc.weight.grad = torch.full_like(net.fc.weight, 3)
    images = torch.rand(2, 3, 16, 24)
    maps = explain(net, images, [(1, 4), ()], method=[name, "gradcam"], layer=layer)
    assert [tuple(heat.shape) for heat in maps[name]] == [(2, 16, 24), (0, 16, 24)]
    assert maps[name][0].min() >= 0
    assert maps[name][0].max() == 1
    assert torch.equal(net.fc.weight.grad, torch.full_like(net.fc.weight, 3))
    assert not any(p.requires_grad for p in net.parameters())
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in net.modules())


def test_ablation_removes_channels_of_the_map() -> None:
    # Ablation-CAM, WACV 2020: the weight of channel k is (y - y without k) / y. On a GAP + FC head that is
    # w_ck F_k / y; relu, then min and max, is what the package returns.
    net = with_positive_head(GapNet(channels=8))
    images = torch.rand(1, 3, 16, 24)
    maps = pytorch_grad_cam_maps("ablationcam", net, images, [(1,)], net.target)[0, 0]
    activations, weight = net.features(images).detach()[0], net.fc.weight.detach()[1]
    score = float(net(images).detach()[0, 1])
    raw = torch.einsum("k,khw->hw", weight * activations.mean((1, 2)) / score, activations).relu()
    scaled = (raw - raw.min()) / (raw.max() - raw.min())
    assert torch.allclose(maps, scaled, atol=0.02)
