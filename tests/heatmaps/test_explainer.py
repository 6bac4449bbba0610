"""The context manager around the caller's own model call: the numbers of `explain`, and clear refusals."""

import gc
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.heatmaps import explain, explainer
from pipeline.heatmaps.class_maps import METHODS
from pipeline.heatmaps.hooks import CaptureError
from tests.heatmaps.nets import GapNet

SIZE = (16, 18)
CLASSES = [(3, 0), (1,)]
IMAGES = torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def hook_count(net: nn.Module) -> int:
    return sum(len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules())


def same(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("method", METHODS)
def test_the_maps_are_those_of_explain(method: str) -> None:
    net = GapNet().eval()
    with explainer(net, method=method) as cam:
        net(IMAGES)
        maps = cam(CLASSES)
    assert [tuple(heat.shape) for heat in maps] == [(2, *SIZE), (1, *SIZE)]
    assert same(maps, explain(net, IMAGES, CLASSES, method=method))


def test_against_a_graph_through_the_whole_network() -> None:
    net = GapNet().eval()
    features = net.features(IMAGES)
    (gradient,) = torch.autograd.grad(net.fc(net.pool(features).flatten(1))[1, 4], features)
    heat = (gradient[1].mean((1, 2))[:, None, None] * features[1]).sum(0).relu().detach()
    with explainer(net, "features.-1", method="gradcam") as cam:
        net(IMAGES)
        (maps,) = cam([(), (4,)])[1]
    assert heat.max() > 0
    assert torch.allclose(maps, heat / heat.max(), atol=1e-5)


def test_the_logits_are_the_callers_and_further_classes_need_no_further_call() -> None:
    net = GapNet().eval()
    with torch.no_grad():
        expected = net(IMAGES)
    calls: list[int] = []
    net.features.register_forward_hook(lambda *_: calls.append(1))
    with explainer(net, net.features) as cam:
        logits = net(IMAGES)
        assert torch.is_grad_enabled()
        several = [cam([(c,), (c,)]) for c in range(5)]
        best = cam()
    assert calls == [1]
    assert torch.equal(logits, expected)
    logits.sum().backward()  # ends at the layer
    assert [name for name, p in net.named_parameters() if p.grad is not None] == ["fc.weight", "fc.bias"]
    for n, c in enumerate(expected.argmax(1).tolist()):
        assert torch.equal(best[n], several[c][n])


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
@pytest.mark.parametrize("around", ["block", "call"])
def test_callers_without_gradients_and_frozen_networks(
    context: Callable[[], AbstractContextManager[None]], around: str
) -> None:
    net = GapNet().eval()
    wanted = explain(net, IMAGES, CLASSES)
    net.requires_grad_(False)
    if around == "block":
        with context(), explainer(net) as cam:
            net(IMAGES + 0)
            maps = cam(CLASSES)
            assert not torch.is_grad_enabled()
    else:
        with explainer(net) as cam:
            with context():
                net(IMAGES + 0)
                assert not torch.is_grad_enabled()
            maps = cam(CLASSES)
    assert torch.is_grad_enabled()
    assert same(maps, wanted)


def test_the_last_call_counts() -> None:
    net = GapNet().eval()
    other = torch.rand(1, 3, 12, 10, generator=torch.Generator().manual_seed(2))
    with explainer(net) as cam:
        for images in (IMAGES, other):
            net(images)
            classes = [(2,)] * len(images)
            assert same(cam(classes), explain(net, images, classes))


@pytest.mark.parametrize("layers", [("features.0", "features.2"), ("features.2", "features.0"), (None, None)])
def test_several_explainers_serve_one_call(layers: tuple[str | None, str | None]) -> None:
    net = GapNet().eval()
    with (
        explainer(net, layers[0], method="layercam") as first,
        explainer(net, layers[1], method="hirescam") as second,
    ):
        net(IMAGES)
        assert torch.is_grad_enabled()
        result = [first(CLASSES), second(CLASSES)]
    for heat, layer, method in zip(result, layers, ("layercam", "hirescam"), strict=True):
        wanted = explain(net, IMAGES, CLASSES, layer=layer, method=method)
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(heat, wanted, strict=True))


def test_modes_hooks_and_gradients_are_left_as_they_were() -> None:
    net = GapNet().train()
    net.features.append(nn.BatchNorm2d(24))
    net.features[1].eval()
    net.fc.weight.grad = torch.full_like(net.fc.weight, 3)
    modes = [module.training for module in net.modules()]
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    with explainer(net) as cam:
        assert not any(module.training for module in net.modules())
        net(IMAGES)
        cam(CLASSES)
        assert hook_count(net) == 2  # those on the model; those on the layer live for one call
    assert [module.training for module in net.modules()] == modes
    assert hook_count(net) == 0
    assert torch.equal(net.fc.weight.grad, torch.full_like(net.fc.weight, 3))
    assert all(p.grad is None for name, p in net.named_parameters() if name != "fc.weight")
    assert all(torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())


@pytest.mark.parametrize("layer", ["features", None])
def test_a_call_that_raises_leaves_nothing_and_another_may_follow(layer: str | None) -> None:
    net = GapNet().train()
    with explainer(net, layer) as cam:
        with pytest.raises(RuntimeError, match="7 channels"):
            net(torch.rand(1, 7, *SIZE))
        assert hook_count(net) == 2
        assert torch.is_grad_enabled()
        with pytest.raises(CaptureError, match="expected a call of the model"):
            cam(CLASSES)
        net(IMAGES)
        maps = cam(CLASSES)
    assert same(maps, explain(net, IMAGES, CLASSES, layer=layer))
    with pytest.raises(RuntimeError, match="7 channels"), explainer(net, layer):
        net(torch.rand(1, 7, *SIZE))
    assert hook_count(net) == 0
    assert net.training


class WithMore(nn.Module):
    """A classifier whose call has more arguments, and gives more, than images and logits."""

    def __init__(self, graph: bool = True) -> None:
        super().__init__()
        self.net, self.graph = GapNet(), graph

    def forward(self, scale: float, *, images: Tensor) -> Any:
        maps = self.net.features(scale * images)
        with torch.set_grad_enabled(self.graph and torch.is_grad_enabled()):
            logits: Tensor = self.net.fc(self.net.pool(maps).flatten(1))
        return logits


def test_models_with_other_arguments() -> None:
    net = WithMore().eval()
    with explainer(net, "net.features") as cam:
        net(2.0, images=IMAGES)
        maps = cam(CLASSES)
    assert same(maps, explain(net.net, 2 * IMAGES, CLASSES, layer="features"))
    with explainer(net, "net.features"), pytest.raises(ValueError, match="as an argument of the model"):
        net(2.0, images=IMAGES[0])


def test_refusals_say_what_is_missing() -> None:
    net = GapNet().eval()
    with explainer(net) as cam:
        with pytest.raises(CaptureError, match=r"expected a call of the model before this one, got none"):
            cam(CLASSES)
        net(IMAGES)
        with pytest.raises(ValueError, match=r"one list of classes per image \(2\), got 1"):
            cam([(0,)])
        with pytest.raises(ValueError, match=r"class indices in 0\.\.4"):
            cam([(0,), (5,)])
    with pytest.raises(CaptureError, match="the block of `explainer` is over"):
        cam(CLASSES)
    with explainer(net, nn.Identity()) as cam:
        net(IMAGES)
        with pytest.raises(CaptureError, match="did not reach"):
            cam(CLASSES)
    with explainer(net, "features", method="cam") as cam:
        net(IMAGES)
        with pytest.raises(ValueError, match="cam: the logits are not one linear layer"):
            cam(CLASSES)
    with explainer(net.features, "0") as cam:
        net.features(IMAGES)
        with pytest.raises(ValueError, match=r"expected logits \(N, C\)"):
            cam(CLASSES)
    frozen = WithMore(graph=False)
    with explainer(frozen, "net.features") as cam:
        frozen(1.0, images=IMAGES)
        with pytest.raises(CaptureError, match=r"no graph to the captured layer.*torch\.no_grad"):
            cam(CLASSES)


def test_methods_and_layers_are_checked_before_anything_runs() -> None:
    net = GapNet().train()
    with pytest.raises(ValueError, match="expected a method of cam, gradcam"), explainer(net, method="x"):
        pass
    with pytest.raises(ValueError, match="expected one of features, pool, fc, got"), explainer(net, "layer4"):
        pass
    assert net.training
    assert hook_count(net) == 0


def test_nothing_is_kept_alive_after_the_block() -> None:
    net = GapNet().eval()
    images = IMAGES.clone()
    with explainer(net) as cam:
        net(images)
        captured = weakref.ref(cam._captured)
        cam(CLASSES)
    kept = weakref.ref(images)
    del images
    gc.collect()
    assert captured() is None
    assert kept() is None
