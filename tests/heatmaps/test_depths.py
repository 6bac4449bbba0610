"""Heat of several feature maps of one network."""

import pytest
import segmentation_models_pytorch as smp
import torch
from torch import Tensor, nn

from pipeline.engine.batch_norm_folding import fold_batch_norm
from pipeline.heatmaps.cam import layercam
from pipeline.heatmaps.class_maps import ClassMaps, class_maps
from pipeline.heatmaps.hooks import capture_output
from pipeline.heatmaps.layers import TargetLayer, depth_layers, earlier_layers
from pipeline.heatmaps.multi_scale import add_depths, fuse_depths
from tests.heatmaps.nets import GapNet

METHODS = ("cam", "gradcampp")


def test_maps_of_earlier_layers_are_layercam_at_their_own_size() -> None:
    net, images, classes = GapNet().eval(), torch.rand(2, 3, 16, 18), [(1, 4), (3,)]
    net.features.insert(2, nn.MaxPool2d(2))
    layers = [net.features[0], net.features[2]]
    maps = class_maps(net, images, classes, METHODS, net.target, earlier=layers)
    shallow = net.features[0](images).detach().requires_grad_()
    deep = net.features[1:3](shallow)
    logits = net.fc(net.pool(net.features[3:](deep)).flatten(1))
    for n, present in enumerate(classes):
        for slot, c in enumerate(present):
            gradients = torch.autograd.grad(logits[n, c], (shallow, deep), retain_graph=True)
            for heat, activations, gradient in zip(maps.earlier, (shallow, deep), gradients, strict=True):
                expected = layercam(activations[n].detach(), gradient[n])
                assert expected.max() > 0
                assert torch.allclose(heat[n, slot], expected, rtol=1e-4, atol=1e-8)
    assert [heat.shape for heat in maps.earlier] == [(2, 2, 16, 18), (2, 2, 8, 9)]
    assert not any(heat[1, 1].any() or heat.requires_grad for heat in maps.earlier)


def test_earlier_layers_change_nothing_of_the_other_maps() -> None:
    net, images = GapNet().eval(), torch.rand(2, 3, 16, 18)
    for target in (net.target, TargetLayer(net.features), TargetLayer(net.pool, "input")):
        methods = METHODS if target.linear_head else ("gradcam", "gradcampp")
        alone = class_maps(net, images, [(0,), (2,)], methods, target)
        more = class_maps(net, images, [(0,), (2,)], methods, target, earlier=[net.features[0]])
        assert alone.earlier == ()
        for method in methods:
            assert torch.allclose(more.maps[method], alone.maps[method], rtol=1e-5, atol=1e-8)
    assert all(parameter.grad is None for parameter in net.parameters())


def test_one_forward_pass_serves_all_depths() -> None:
    net, calls = GapNet().eval(), []
    net.features.register_forward_hook(lambda *_: calls.append(1))
    class_maps(net, torch.rand(2, 3, 16, 18), [(0, 1), (2,)], METHODS, net.target, earlier=[net.features[0]])
    assert calls == [1]


@pytest.mark.parametrize("folded", [False, True])
@pytest.mark.parametrize(
    "name", ["resnet18", "resnet50", "mobilenet_v2", "tu-resnet10t", "efficientnet-b0", "densenet121"]
)
def test_earlier_layers_of_encoders_are_where_the_feature_maps_come_from(name: str, folded: bool) -> None:
    encoder = smp.encoders.get_encoder(name, weights=None).eval()
    if folded:
        fold_batch_norm(encoder)
    layers = earlier_layers(encoder, 3)
    images = torch.rand(1, 3, 64, 96)
    depths = encoder(images)
    for i, layer in enumerate(layers, -4):
        # Nothing goes past the layer: what follows from another output of it has forgotten the image.
        handle = layer.register_forward_hook(lambda _module, _inputs, output: torch.full_like(output, 0.5))
        changed = [encoder(torch.rand(1, 3, 64, 96)) for _ in range(2)]
        handle.remove()
        with capture_output(
            layer
        ):  # refuses a layer that is called twice, as the ReLU of a block of ResNet is
            encoder(images)
        assert torch.equal(changed[0][-1], changed[1][-1])
        assert torch.equal(changed[0][i], torch.full_like(depths[i], 0.5))


class Sums(nn.Module):
    """Feature maps of which no module makes the second."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.third = nn.Conv2d(3, 4, 3, stride=2), nn.Conv2d(4, 5, 3)

    def forward(self, images: Tensor) -> list[Tensor]:
        first = self.first(images)
        second = first + 1
        third = self.third(second)
        return [images, first, second, third, torch.cat([third, third], 1)]


def test_a_feature_map_that_no_module_makes_ends_the_depths() -> None:
    net = Sums()
    assert depth_layers(net) == earlier_layers(net, 1) == [net.third]
    with pytest.raises(ValueError, match=r"heatmaps.depths: expected at most 2, .* got 4"):
        earlier_layers(net, 3)
    assert earlier_layers(net, 0) == []


def test_an_encoder_of_one_size_is_an_error() -> None:
    net = nn.Sequential(nn.Flatten(), nn.Linear(5, 2))
    with pytest.raises(ValueError, match="takes no images of 64 x 64 pixels"):
        depth_layers(net)


def test_depths_are_added_by_hand() -> None:
    # cam + both depths: 0.2 + 0.1 + 0.7, 1 + 1 + 0.5, 0 + 0 + 0 -> divided by 2.5
    last, *earlier = (
        torch.tensor(row).reshape(1, 1, 1, 3) for row in ([0.2, 1.0, 0.0], [0.1, 1.0, 0.0], [0.7, 0.5, 0.0])
    )
    fused = add_depths(ClassMaps({"cam": last}, [(0,)], tuple(earlier)))
    assert list(fused) == ["cam"]
    assert torch.allclose(fused["cam"].flatten(), torch.tensor([0.4, 1.0, 0.0]))
    assert add_depths(ClassMaps({"cam": last}, [(0,)])) == {"cam": last}


def test_each_depth_is_fused_by_itself() -> None:
    # Of cam [4, 0] + [2, 6] mirrored, of the depth [1, 1] + [0, 4] mirrored: each divided by its own maximum.
    answers = iter([([4.0, 0.0], [1.0, 1.0]), ([6.0, 2.0], [4.0, 0.0])])

    def make_maps(_images: Tensor) -> ClassMaps:
        last, early = (torch.tensor(row).reshape(1, 1, 1, 2) for row in next(answers))
        return ClassMaps({"cam": last}, [(0,)], (early,))

    fused = fuse_depths(make_maps, [torch.zeros(1, 3, 4, 8)], (1, 2), flip=True)
    assert torch.allclose(fused.maps["cam"].flatten(), torch.tensor([1.0, 1.0]))
    assert torch.allclose(fused.earlier[0].flatten(), torch.tensor([1 / 5, 1.0]))
