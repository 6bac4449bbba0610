"""All captures give one set of numbers, that of autograd; and nothing is left behind."""

import gc
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
import torch
from torch import Tensor, nn

from pipeline.heatmaps.hooks import (
    Captured,
    CaptureError,
    capture_input,
    capture_output,
    class_gradients,
    first_output,
)
from tests.heatmaps.nets import GapNet

Capture = Callable[[nn.Module], AbstractContextManager[Captured]]
ALL: list[Capture] = [capture_output, capture_input]


def hook_count(net: nn.Module) -> int:
    return sum(
        len(m._forward_hooks)
        + len(m._forward_pre_hooks)
        + len(m._backward_hooks)
        + len(m._backward_pre_hooks)
        for m in net.modules()
    )


def leaf_numbers(net: GapNet, images: Tensor, capture: Capture, layer: nn.Module) -> tuple[Tensor, Tensor]:
    with capture(layer) as captured:
        logits = net(images)
        (gradients,) = class_gradients(logits, [captured.activations], [1] * len(images))
    return captured.activations.detach(), gradients


def graph_numbers(net: GapNet, images: Tensor) -> tuple[Tensor, Tensor]:
    """By a graph through the whole network, without any hook."""
    features = net.features(images)
    features.retain_grad()
    net.fc(net.pool(features).flatten(1))[:, 1].sum().backward()
    net.zero_grad()
    return features.detach(), features.grad


def test_all_captures_give_the_numbers_of_autograd() -> None:
    net, images = GapNet().eval(), torch.rand(3, 3, 16, 18)
    expected = graph_numbers(net, images)
    # The feature map is the output of `features` and the input of `pool`.
    for capture, layer in ((capture_output, net.features), (capture_input, net.pool)):
        activations, gradients = leaf_numbers(net, images, capture, layer)
        assert torch.equal(activations, expected[0])
        assert torch.allclose(gradients, expected[1], rtol=1e-6)
    by_hand = net.fc.weight[1][:, None, None] / (16 * 18)
    assert torch.allclose(expected[1], by_hand.expand_as(expected[1]), rtol=1e-5)


@pytest.mark.parametrize("capture", ALL)
def test_no_hook_is_left_when_the_forward_pass_raises(capture: Capture) -> None:
    net = GapNet()
    with pytest.raises(RuntimeError), capture(net.pool):
        net(torch.rand(1, 7, 16, 18))  # seven channels
    assert hook_count(net) == 0
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("capture", [capture_output, capture_input])
def test_modes_and_gradients_stay_untouched(capture: Capture) -> None:
    net = GapNet()
    net.features[1].eval()
    modes = [module.training for module in net.modules()]
    net.fc.weight.grad = torch.full_like(net.fc.weight, 7)
    layer = net.features if capture is capture_output else net.pool
    leaf_numbers(net, torch.rand(2, 3, 16, 18), capture, layer)
    assert [module.training for module in net.modules()] == modes
    assert hook_count(net) == 0
    assert torch.equal(net.fc.weight.grad, torch.full_like(net.fc.weight, 7))
    assert all(p.grad is None for name, p in net.named_parameters() if name != "fc.weight")
    assert torch.is_grad_enabled()


def test_frozen_networks_and_callers_without_grad_work() -> None:
    net, images = GapNet().eval(), torch.rand(2, 3, 16, 18)
    expected = leaf_numbers(net, images, capture_output, net.features)
    net.requires_grad_(False)
    with torch.no_grad():
        numbers = leaf_numbers(net, images, capture_output, net.features)
        assert not torch.is_grad_enabled()
    assert torch.equal(numbers[0], expected[0])
    assert torch.equal(numbers[1], expected[1])


@pytest.mark.parametrize("cast", [False, True])
def test_an_in_place_layer_that_follows_leaves_the_captured_values(cast: bool) -> None:
    images, net = torch.rand(2, 3, 16, 18), GapNet().eval()
    with torch.autocast("cpu", torch.bfloat16, enabled=cast):
        expected = leaf_numbers(net, images, capture_output, net.features[2])
        assert expected[0].min() < 0
        net.features[3] = nn.ReLU(inplace=True)
        for capture, layer in ((capture_output, net.features[2]), (capture_input, net.features[3])):
            numbers = leaf_numbers(net, images, capture, layer)
            assert torch.equal(numbers[0], expected[0])
            assert torch.equal(numbers[1], expected[1])


def test_nothing_below_the_layer_keeps_a_graph() -> None:
    net = GapNet().eval()
    with capture_input(net.pool) as captured:
        seen: list[bool] = []
        handle = net.features.register_forward_hook(lambda _m, _i, out: seen.append(out.requires_grad))
        logits = net(torch.rand(1, 3, 16, 18))
        handle.remove()
    assert seen == [False]
    assert captured.activations.is_leaf
    assert logits.requires_grad


def test_nothing_is_kept_alive_over_1000_images() -> None:
    net = GapNet(channels=4).eval()
    references = []
    for _ in range(1000):
        with capture_input(net.pool) as captured:
            class_gradients(net(torch.rand(1, 3, 6, 8)), [captured.activations], [0])
        references.append(weakref.ref(captured.activations))
    del captured
    gc.collect()
    assert sum(reference() is not None for reference in references) == 0
    assert hook_count(net) == 0


def test_first_output_keeps_the_first_pass_only_and_leaves_no_hook() -> None:
    net, images = GapNet().eval(), torch.rand(2, 3, 8, 8)
    with torch.no_grad(), first_output(net.features) as outputs:
        net(images)
        net(images.flip(-1))
    assert len(outputs) == 1
    assert torch.equal(outputs[0], net.features(images))
    assert not net.features._forward_hooks


def test_first_output_keeps_no_graph_of_any_of_its_tensors() -> None:
    net = nn.Conv2d(3, 2, 1)
    both = Twice(net)
    with first_output(both) as outputs:
        assert all(output.requires_grad for output in both(torch.rand(1, 3, 4, 5)))
    assert [output.requires_grad for output in outputs[0]] == [False, False]


class Twice(nn.Module):
    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, images: Tensor) -> list[Tensor]:
        return [self.inner(images), self.inner(images)]


def test_a_layer_that_is_not_reached_is_an_error() -> None:
    net = GapNet()
    unused = nn.Conv2d(3, 3, 1)
    with capture_output(unused) as captured:
        net(torch.rand(1, 3, 16, 18))
    with pytest.raises(CaptureError, match="did not reach"):
        _ = captured.activations
    with pytest.raises(CaptureError, match="did not reach"):
        _ = captured.leaf


def test_activations_that_are_no_feature_map_are_an_error() -> None:
    net = GapNet()
    with pytest.raises(CaptureError, match=r"\(N, K, h, w\)"), capture_output(net.fc):
        net(torch.rand(1, 3, 16, 18))


@pytest.mark.parametrize("classes", [[0], [0, 5], [0, -2], [0, 1, 2]])
def test_wrong_class_lists_are_errors(classes: list[int]) -> None:
    net = GapNet().eval()
    with capture_input(net.pool) as captured, pytest.raises(ValueError, match="class indices"):
        class_gradients(net(torch.rand(2, 3, 16, 18)), [captured.activations], classes)


def test_logits_without_a_graph_to_the_layer_are_an_error() -> None:
    net = GapNet().eval()
    with capture_input(net.pool) as captured:
        logits = net(torch.rand(1, 3, 16, 18))
        with pytest.raises(CaptureError, match=r"no graph to the captured layer.*out of the model's forward"):
            class_gradients(logits.detach(), [captured.leaf], [0])
