"""The public call on networks of torchvision: what comes back, and that nothing is left behind."""

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from pipeline.heatmaps import explain
from pipeline.heatmaps.class_maps import METHODS
from pipeline.heatmaps.hooks import CaptureError
from tests.heatmaps.nets import GapNet

SIZE = (64, 96)


@pytest.fixture(scope="module")
def resnet() -> nn.Module:
    torch.manual_seed(0)
    return models.resnet18(num_classes=7).eval()


@pytest.fixture
def images() -> Tensor:
    return torch.rand(2, 3, *SIZE, generator=torch.Generator().manual_seed(1))


def test_one_map_per_class_at_the_size_of_the_images(resnet: nn.Module, images: Tensor) -> None:
    maps = explain(resnet, images, [(3, 0), (5,)], method=METHODS, scales=(1.0, 1.5), flip=True)
    assert list(maps) == list(METHODS)
    for heatmaps in maps.values():
        assert [tuple(heat.shape) for heat in heatmaps] == [(2, *SIZE), (1, *SIZE)]
        for heat in heatmaps:
            assert heat.dtype == torch.float32
            assert heat.min() >= 0
            assert torch.equal(heat.amax((1, 2)), torch.ones(len(heat)))


def test_one_method_gives_a_list_and_no_class_an_empty_map(resnet: nn.Module, images: Tensor) -> None:
    first, second = explain(resnet, images, [(), (2,)])
    assert first.shape == (0, *SIZE)
    both = explain(resnet, images, [(2,), (2,)], method=["gradcampp"])["gradcampp"]
    assert torch.allclose(second, both[1], atol=1e-5)


def test_no_classes_means_the_best_scoring(resnet: nn.Module, images: Tensor) -> None:
    with torch.no_grad():
        best = resnet(images).argmax(1).tolist()
    maps = explain(resnet, images, None, scales=(1.0, 0.5))
    wanted = explain(resnet, images, [[c] for c in best], scales=(1.0, 0.5))
    assert all(torch.equal(a, b) for a, b in zip(maps, wanted, strict=True))


@pytest.mark.parametrize("layer", ["layer4", None])
def test_one_forward_pass_serves_all_classes_and_methods(
    resnet: nn.Module, images: Tensor, layer: str | None
) -> None:
    sizes: list[int] = []
    handle = resnet.get_submodule("conv1").register_forward_hook(
        lambda _m, inputs, _o: sizes.append(len(inputs[0]))
    )
    methods = [m for m in METHODS if layer is None or m != "cam"]
    explain(resnet, images, [(0, 1, 2, 3), (4, 5, 6)], method=methods, layer=layer)
    handle.remove()
    assert sizes == ([2] if layer else [1, 2])  # None: one image finds the layer


def test_named_found_and_given_layers_agree(resnet: nn.Module, images: Tensor) -> None:
    last = resnet.get_submodule("layer4.1")
    maps = [
        explain(resnet, images, [(0,), (6,)], method="gradcampp", layer=layer)
        for layer in (None, "layer4", "layer4.-1", last)
    ]
    for others in maps[1:]:
        assert all(torch.allclose(a, b, atol=1e-4) for a, b in zip(maps[0], others, strict=True))


def test_earlier_layers_have_maps_of_their_own(resnet: nn.Module, images: Tensor) -> None:
    early = explain(resnet, images, [(0,), (6,)], method="layercam", layer="layer2")
    late = explain(resnet, images, [(0,), (6,)], method="layercam")
    assert (early[0] - late[0]).abs().max() > 0.2
    with pytest.raises(ValueError, match="cam: the logits"):
        explain(resnet, images, [(0,), (6,)], method="cam", layer="layer2")


def test_heatmaps_of_mirrored_images_are_mirrored(resnet: nn.Module, images: Tensor) -> None:
    straight = explain(resnet, images, [(1,), (2,)], flip=True)
    mirrored = explain(resnet, images.flip(-1), [(1,), (2,)], flip=True)
    assert all(torch.allclose(a, b.flip(-1), atol=1e-4) for a, b in zip(straight, mirrored, strict=True))


def test_modes_hooks_and_gradients_are_left_as_they_were(images: Tensor) -> None:
    net = models.resnet18(num_classes=7).train()
    net.layer2.eval()
    net.fc.weight.grad = torch.full_like(net.fc.weight, 3)
    before = {name: buffer.clone() for name, buffer in net.named_buffers()}
    modes = [module.training for module in net.modules()]
    explain(net, images, [(0,), (1,)], method=["cam", "gradcampp"], scales=(1.0, 0.5))
    assert [module.training for module in net.modules()] == modes
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in net.modules())
    assert torch.equal(net.fc.weight.grad, torch.full_like(net.fc.weight, 3))
    assert all(p.grad is None for name, p in net.named_parameters() if name != "fc.weight")
    assert all(torch.equal(buffer, before[name]) for name, buffer in net.named_buffers())
    assert torch.is_grad_enabled()


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_callers_without_gradients_and_frozen_networks(context: type, images: Tensor) -> None:
    torch.manual_seed(0)
    net = models.mobilenet_v2(num_classes=4).eval()
    wanted = explain(net, images, [(0, 1), (3,)], method="layercam", layer="features.-1")
    net.requires_grad_(False)
    with context():
        maps = explain(net, images + 0, [(0, 1), (3,)], method="layercam", layer="features.-1")
    assert all(torch.equal(a, b) for a, b in zip(maps, wanted, strict=True))


def test_autocast_and_networks_in_half_precision(images: Tensor) -> None:
    net = GapNet().eval()
    exact = explain(net, images, [(0,), (1,)], method=METHODS)
    with torch.autocast("cpu", torch.bfloat16):
        cast = explain(net, images, [(0,), (1,)], method=METHODS)
    half = explain(GapNet().eval().bfloat16(), images.bfloat16(), [(0,), (1,)], method=METHODS)
    for method in METHODS:
        for rough in (cast, half):
            for a, b in zip(exact[method], rough[method], strict=True):
                assert b.dtype == torch.float32
                assert (a - b).abs().max() < 0.06


def test_dead_maps_stay_zero(images: Tensor) -> None:
    net = GapNet().eval()
    nn.init.zeros_(net.fc.weight)
    for heatmaps in explain(net, images, [(0,), (1, 2)], method=METHODS).values():
        assert all(torch.equal(heat, torch.zeros_like(heat)) for heat in heatmaps)


def vit_reshape(tokens: Tensor) -> Tensor:
    """(N, 1 + 4 * 4, K), the class token first."""
    return tokens[:, 1:].reshape(len(tokens), 4, 4, -1).permute(0, 3, 1, 2)


def test_vision_transformer_through_its_tokens() -> None:
    torch.manual_seed(0)
    net = models.VisionTransformer(32, 8, 2, 2, 24, 48, num_classes=5).eval()
    nn.init.normal_(net.heads.head.weight)  # torchvision starts with 0
    images = torch.rand(2, 3, 32, 32)
    layer = "encoder.layers.-1.ln_1"
    maps = explain(
        net, images, [(0, 4), (1,)], layer=layer, method=["gradcam", "layercam"], reshape=vit_reshape
    )
    assert [tuple(heat.shape) for heat in maps["gradcam"]] == [(2, 32, 32), (1, 32, 32)]
    # By hand: the gradient of the tokens, without the first.
    kept: list[Tensor] = []

    def keep(_module: nn.Module, _inputs: object, output: Tensor) -> None:
        output.retain_grad()
        kept.append(output)

    net.get_submodule("encoder.layers.encoder_layer_1.ln_1").register_forward_hook(keep)
    net(images)[0, 4].backward()
    assert kept[0].grad is not None
    tokens, gradients = vit_reshape(kept[0])[0].detach(), vit_reshape(kept[0].grad)[0]
    small = (gradients.mean((1, 2))[:, None, None] * tokens).sum(0).relu()
    large = nn.functional.interpolate(small[None, None], (32, 32), mode="bilinear")[0, 0]
    assert large.max() > 0
    assert torch.allclose(maps["gradcam"][0][1], large / large.max(), atol=1e-4)


def test_swin_needs_nothing_or_a_permutation() -> None:
    torch.manual_seed(0)
    net = models.SwinTransformer([4, 4], 16, [1, 1], [2, 2], [2, 2], num_classes=5).eval()
    images = torch.rand(1, 3, 32, 64)
    maps = explain(net, images, [(2,)], method="gradcam")
    named = explain(
        net, images, [(2,)], method="gradcam", layer="norm", reshape=lambda x: x.permute(0, 3, 1, 2)
    )
    assert torch.allclose(maps[0], named[0], atol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"classes": [(0,)]}, "one list of classes per image"),
        ({"classes": [(0,), (7,)]}, r"class indices in 0\.\.6, the classes of the logits, got 7"),
        ({"method": "camm"}, "expected a method of cam, gradcam"),
        ({"layer": "layer5"}, "expected one of conv1, .*layer4"),
        ({"layer": "layer4.2"}, "expected one of 0, 1, got '2'"),
        ({"images": torch.rand(3, *SIZE)}, "expected images"),
    ],
)
def test_wrong_requests_are_errors(
    resnet: nn.Module, images: Tensor, options: dict[str, object], message: str
) -> None:
    request: dict[str, object] = {"images": images, "classes": [(0,), (1,)], **options}
    with pytest.raises(ValueError, match=message):
        explain(resnet, **request)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ("fc", r"activations \(N, K, h, w\)"),
        ("layer4.1.relu", "called more than once"),
        (nn.Identity(), "did not reach"),
    ],
)
def test_layers_without_a_feature_map_are_errors(
    resnet: nn.Module, images: Tensor, layer: nn.Module | str, message: str
) -> None:
    with pytest.raises(CaptureError, match=message):
        explain(resnet, images, [(0,), (1,)], layer=layer)


def test_networks_that_are_no_classifiers_are_errors(images: Tensor) -> None:
    with pytest.raises(ValueError, match=r"logits \(N, C\), got \(2, 24, 64, 96\)"):
        explain(GapNet().features, images, [(0,), (1,)], layer="0")
