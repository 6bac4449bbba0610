"""All methods and classes of a batch from one forward pass."""

from itertools import combinations

import pytest
import torch
from torch import Tensor

from pipeline.heatmaps.cam import cam, gradcam, gradcampp, hirescam, layercam, xgradcam
from pipeline.heatmaps.class_maps import METHODS, class_maps
from pipeline.heatmaps.layers import TargetLayer
from tests.heatmaps.nets import GapNet


@pytest.fixture
def net() -> GapNet:
    return GapNet().eval()


def test_closed_forms_at_a_realistic_size(net: GapNet) -> None:
    images = torch.rand(2, 3, 20, 24)
    classes = [(0, 3), (2,)]
    maps = class_maps(net, images, classes, METHODS, net.target).maps
    activations = net.features(images).detach()
    weight = net.fc.weight.detach()
    for n, present in enumerate(classes):
        for slot, c in enumerate(present):
            raw = cam(activations[n], weight[c])
            assert torch.allclose(maps["cam"][n, slot], raw, rtol=1e-4, atol=1e-6)
            assert torch.allclose(maps["gradcam"][n, slot], raw.relu() / (20 * 24), rtol=1e-4, atol=1e-8)
            means = activations[n].mean((1, 2))
            closed = cam(activations[n], weight[c].relu() / (2 + weight[c] * means))
            assert torch.allclose(maps["gradcampp"][n, slot], closed, rtol=1e-4, atol=1e-8)


def test_each_name_is_its_own_formula(net: GapNet) -> None:
    # Below another convolution the gradient differs from cell to cell, and no two methods agree.
    images = torch.rand(2, 3, 16, 18)
    formulas = {
        "gradcam": gradcam,
        "gradcampp": gradcampp,
        "xgradcam": xgradcam,
        "hirescam": hirescam,
        "layercam": layercam,
    }
    maps = class_maps(net, images, [(1,), (3,)], list(formulas), TargetLayer(net.features[1])).maps
    activations = net.features[:2](images).detach().requires_grad_()
    logits = net.fc(net.pool(net.features[2:](activations)).flatten(1))
    (gradients,) = torch.autograd.grad(logits[0, 1] + logits[1, 3], activations)
    for method, formula in formulas.items():
        expected = formula(activations.detach(), gradients)
        assert torch.allclose(maps[method][:, 0], expected, rtol=1e-4, atol=1e-8)
        assert not maps[method].requires_grad
    for one, other in combinations(formulas, 2):
        assert (maps[one] - maps[other]).abs().max() > 0.01 * maps[one].max()


def test_map_may_be_an_output_or_an_input(net: GapNet) -> None:
    images = torch.rand(2, 3, 16, 18)
    of_input = class_maps(net, images, [(0,), (1,)], METHODS, net.target).maps
    output = TargetLayer(net.features, "output", pooled=net.fc, linear_head=True)
    of_output = class_maps(net, images, [(0,), (1,)], METHODS, output).maps
    assert all(torch.equal(of_output[method], of_input[method]) for method in METHODS)


def test_one_forward_pass_serves_all(net: GapNet) -> None:
    calls: list[int] = []
    net.features.register_forward_hook(lambda *_: calls.append(1))
    class_maps(net, torch.rand(3, 3, 16, 18), [(0, 1, 2), (3,), (4, 0)], METHODS, net.target)
    assert calls == [1]


def test_slots_beyond_an_images_own_classes_are_zero(net: GapNet) -> None:
    maps = class_maps(net, torch.rand(2, 3, 16, 18), [(0, 1, 2), (3,)], METHODS, net.target).maps
    for heat in maps.values():
        assert heat.shape == (2, 3, 16, 18)
        assert not heat[1, 1:].any()
        assert heat[0].abs().amax((-2, -1)).min() >= 0


@pytest.mark.parametrize("count", [0, 2])
def test_no_class_at_all_gives_one_empty_slot(net: GapNet, count: int) -> None:
    maps = class_maps(net, torch.rand(count, 3, 16, 18), [()] * count, METHODS, net.target).maps
    assert all(torch.equal(heat, torch.zeros(count, 1, 16, 18)) for heat in maps.values())


def test_batch_composition_does_not_matter(net: GapNet) -> None:
    images = torch.rand(4, 3, 16, 18)
    classes = [(0,), (1, 2), (3,), (0, 4)]
    together = class_maps(net, images, classes, METHODS, net.target).maps
    for n in range(4):
        alone = class_maps(net, images[n : n + 1], classes[n : n + 1], METHODS, net.target).maps
        for method in METHODS:
            in_batch = together[method][n, : len(classes[n])]
            assert torch.allclose(in_batch, alone[method][0], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("classes", "methods"), [([(0,)], METHODS), ([(0,), (9,)], METHODS), ([(0,), (1,)], ["x"])]
)
def test_wrong_requests_are_errors(net: GapNet, classes: list[tuple[int]], methods: list[str]) -> None:
    with pytest.raises(ValueError, match="expected"):
        class_maps(net, torch.rand(2, 3, 16, 18), classes, methods, net.target)


def test_too_many_lists_of_classes_are_refused(net: GapNet) -> None:
    with pytest.raises(ValueError, match=r"one list of classes per image \(2\), got 3"):
        class_maps(net, torch.rand(2, 3, 16, 18), [(0,), (1,), (2,)], METHODS, net.target)


def test_logits_of_other_images_are_refused() -> None:
    class FirstOnly(GapNet):
        def forward(self, images: Tensor) -> Tensor:
            return super().forward(images)[:1]

    net = FirstOnly().eval()
    with pytest.raises(ValueError, match=r"expected logits \(N, C\), got \(1, 5\) for 2 image"):
        class_maps(net, torch.rand(2, 3, 16, 18), [(0,), (1,)], METHODS, net.target)
