"""Transformers whose tokens have a known place: heatmaps without `reshape`, as with one that is right."""

from typing import Any

import pytest
import timm
import torch
from torch import Tensor, nn
from torchvision import models

from pipeline.heatmaps import explain, explainer
from pipeline.heatmaps.layers import find_target

TINY: dict[str, Any] = {"depth": 2, "num_heads": 2, "embed_dim": 16, "num_classes": 5, "img_size": 32}


def make(name: str, **options: Any) -> nn.Module:
    torch.manual_seed(0)
    return timm.create_model(name, **options).eval()


def from_tokens(prefix: int, side: int) -> Any:
    return lambda tokens: tokens[:, prefix:].reshape(len(tokens), side, side, -1).permute(0, 3, 1, 2)


def channels_first(maps: Tensor) -> Tensor:
    return maps.permute(0, 3, 1, 2)


SWIN: dict[str, Any] = {
    "img_size": 64, "depths": (1, 1), "num_heads": (2, 2), "embed_dim": 16, "window_size": 4, "num_classes": 5
}  # fmt: skip
NETS = {
    "class token": ("vit_tiny_patch16_224", {**TINY, "patch_size": 8}, "blocks.-1.norm1", from_tokens(1, 4)),
    "two tokens": (
        "deit_tiny_distilled_patch16_224",
        {**TINY, "patch_size": 8},
        "blocks.-1.norm1",
        from_tokens(2, 4),
    ),
    "no token": (
        "vit_relpos_small_patch16_224",
        {**TINY, "patch_size": 8},
        "blocks.-1.norm1",
        from_tokens(0, 4),
    ),
    "token that joins late": ("cait_xxs24_224", TINY, "blocks.-1.norm1", from_tokens(0, 2)),
    "channels last": ("swin_tiny_patch4_window7_224", SWIN, "norm", channels_first),
}


@pytest.mark.parametrize("kind", NETS)
def test_against_a_reshape_by_hand(kind: str) -> None:
    name, options, layer, reshape = NETS[kind]
    net = make(name, **options)
    images = torch.rand(2, 3, options["img_size"], options["img_size"])
    with torch.no_grad():
        classes = net(images).argsort(1, descending=True)[:, :2]
    method = ["gradcam", "layercam"]
    by_hand = explain(net, images, classes, layer=layer, reshape=reshape, method=method)
    assert all(heat.amax((1, 2)).max() == 1 for heat in by_hand["layercam"])
    for options in ({}, {"layer": layer}):
        known = explain(net, images, classes, method=method, **options)  # type: ignore[call-overload]
        assert all(torch.equal(a, b) for m in method for a, b in zip(known[m], by_hand[m], strict=True))
    wrapped = nn.Sequential(nn.Identity(), net)
    with explainer(wrapped, method="gradcam") as cam:
        wrapped(images)
        maps = cam(classes)
    assert all(torch.equal(a, b) for a, b in zip(maps, by_hand["gradcam"], strict=True))


def test_vit_of_torchvision() -> None:
    torch.manual_seed(0)
    net = models.VisionTransformer(32, 8, 2, 2, 24, 48, num_classes=5).eval()
    nn.init.normal_(net.heads.head.weight)  # torchvision starts with 0
    images = torch.rand(1, 3, 32, 32)
    by_hand = explain(net, images, [[0, 4]], layer="encoder.layers.-1.ln_1", reshape=from_tokens(1, 4))
    assert by_hand[0].amax() == 1
    assert torch.equal(explain(net, images, [[0, 4]])[0], by_hand[0])


@pytest.mark.parametrize("layer", ["patch_embed.proj", "layers.0.blocks.0.norm1", "layers.-1"])
def test_layers_of_one_network_in_either_order(layer: str) -> None:
    net = make("swin_tiny_patch4_window7_224", **SWIN)
    maps = explain(net, torch.rand(1, 3, 64, 64), [[0]], layer=layer, method="layercam")
    target = find_target(net, torch.empty(0), layer)
    assert (target.reshape is None) == (layer == "patch_embed.proj")
    assert maps[0].shape == (1, 64, 64)


class Unknown(nn.Module):
    """Networks whose form nothing tells: cells in a row, and channels last."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form, self.stem = form, nn.Conv2d(3, 12, 4, 4)
        self.block, self.head = nn.Linear(12, 12), nn.Linear(12, 5)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.stem(images)
        cells = maps.flatten(2).mT if self.form == "tokens" else maps.permute(0, 2, 3, 1)
        cells = cells + self.block(cells)
        logits: Tensor = self.head(cells.flatten(1, -2).mean(1))
        return logits


@pytest.mark.parametrize(
    ("form", "size", "message"),
    [
        ("tokens", (24, 32), r"no feature map .* Name a layer, and `reshape`.* Layers: stem, block, head"),
        ("channels last", (24, 32), r"channels last, \(N, h, w, K\).* `reshape`.* Layers: stem, block, head"),
        ("channels last", (32, 32), "channels last"),
    ],
)
def test_other_forms_are_refused(form: str, size: tuple[int, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        explain(Unknown(form).eval(), torch.rand(1, 3, *size), [[0]])


def test_tokens_of_another_grid_are_refused() -> None:
    net = make("vit_tiny_patch16_224", **TINY, patch_size=8, dynamic_img_size=True)
    with pytest.raises(RuntimeError, match="expected tokens of 4 x 4 cells, got 25 tokens"):
        explain(net, torch.rand(1, 3, 32, 48), [[0]])
