"""All methods and classes of a batch from one forward pass."""

import pytest
import torch

from pipeline.heatmaps.cam import cam
from pipeline.heatmaps.class_maps import METHODS, class_maps
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


def test_batch_composition_does_not_matter(net: GapNet) -> None:
    images = torch.rand(4, 3, 16, 18)
    classes = [(0,), (1, 2), (3,), (0, 4)]
    together = class_maps(net, images, classes, METHODS, net.target).maps
    for n in range(4):
        alone = class_maps(net, images[n : n + 1], classes[n : n + 1], METHODS, net.target).maps
        for method in METHODS:
            own = together[method][n, : len(classes[n])]
            assert torch.allclose(own, alone[method][0], rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("classes", "methods"), [([(0,)], METHODS), ([(0,), (9,)], METHODS), ([(0,), (1,)], ["x"])]
)
def test_wrong_requests_are_errors(net: GapNet, classes: list[tuple[int]], methods: list[str]) -> None:
    with pytest.raises(ValueError, match="expected"):
        class_maps(net, torch.rand(2, 3, 16, 18), classes, methods, net.target)
