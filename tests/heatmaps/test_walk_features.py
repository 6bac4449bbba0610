"""Features of an encoder that was not trained on the labels: of convolutions, and of a plain transformer."""

from functools import cache
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional

from pipeline.engine.weights import WeightsError, encoder_fits, make_encoder
from pipeline.heatmaps.random_walk import affinities
from pipeline.heatmaps.walk_features import WalkFeatures, make_walk_features
from pipeline.params import load_params
from tests import small_encoders

HEATMAPS = load_params(Path(__file__).parents[2] / "params.yaml").heatmaps
VIT = f"tu-{small_encoders.small_vit.__name__}"
ODD = (50, 61)  # no multiple of a cell of either
NAMES = ["tu-resnet10t", VIT]


@cache
def features(name: str) -> WalkFeatures:
    torch.manual_seed(0)
    return WalkFeatures(make_encoder(name, "none"))


def images(height: int, width: int, count: int = 2) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


@cache
def whole_vit() -> nn.Module:
    """timm's own classifier with a head of 7 classes."""
    torch.manual_seed(3)
    network: nn.Module = timm.create_model("small_vit", num_classes=7).eval()
    return network


@pytest.fixture
def vit_file(tmp_path: Path) -> Path:
    save_file(whole_vit().state_dict(), tmp_path / "weights.safetensors")
    return tmp_path / "weights.safetensors"


def test_a_transformer_gives_the_patches_of_timms_own_network(vit_file: Path) -> None:
    """At the size it is made for: without the class token and the four registers, in rows."""
    shown, made = images(70, 70), WalkFeatures(make_encoder(VIT, str(vit_file)))
    with torch.no_grad():
        tokens = whole_vit().forward_features((shown - 0.5) / 0.5)  # type: ignore[operator]
    assert tokens.shape == (2, 1 + 4 + 25, 16)
    expected = tokens[:, 5:].reshape(2, 5, 5, 16).permute(0, 3, 1, 2)
    torch.testing.assert_close(made(shown), expected)
    assert encoder_fits(VIT, vit_file)


def test_the_file_of_another_transformer_is_refused(tmp_path: Path) -> None:
    state = timm.create_model("small_vit", depth=4).state_dict()
    save_file(state, tmp_path / "deeper.safetensors")
    with pytest.raises(WeightsError, match=r"not fit the encoder in 12 tensor.*blocks\.3\..* is unknown"):
        make_encoder(VIT, str(tmp_path / "deeper.safetensors"))
    assert not encoder_fits(VIT, tmp_path / "deeper.safetensors")


def test_the_classifiers_own_encoder_gives_its_own_last_depth() -> None:
    net, shown = features("tu-resnet10t"), images(64, 96)
    with torch.no_grad():
        pyramid = net.encoder(net.normalise(shown))
    size = (8, 12)
    assert torch.equal(net(shown), pyramid[-1])
    assert torch.equal(affinities(pyramid, size, 8, net(shown), 1.0), affinities(pyramid[-1:], size, 8))


@pytest.mark.parametrize(
    ("name", "cells", "enlarged"), [(NAMES[0], (2, 2), (64, 64)), (VIT, (4, 5), (56, 70))]
)
def test_odd_sizes_are_enlarged_to_whole_cells(
    name: str, cells: tuple[int, int], enlarged: tuple[int, int]
) -> None:
    net, shown = features(name), images(*ODD)
    larger = functional.interpolate(shown, enlarged, mode="bilinear", align_corners=False, antialias=True)
    assert net(shown).shape[-2:] == cells
    assert torch.equal(net(shown), net(larger))
    assert net(shown).std() > 1e-3


@pytest.mark.parametrize("name", NAMES)
def test_features_depend_on_the_image_alone(name: str) -> None:
    net, shown = features(name), images(*ODD, count=3)
    together = net(shown)
    assert torch.equal(net(shown), together)
    torch.testing.assert_close(net(shown[1:2]), together[1:2], atol=1e-5, rtol=1e-5)
    assert not together.requires_grad


def test_images_are_normalised_as_in_the_training_of_the_encoder() -> None:
    of_vit, of_resnet = features(VIT).normalise, features("tu-resnet10t").normalise
    assert of_vit.get_buffer("mean").flatten().tolist() == [0.5] * 3
    assert of_resnet.get_buffer("mean").flatten().tolist() == pytest.approx([0.485, 0.456, 0.406])


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("features", "tu-vit_smal_patch14", r"heatmaps\.walk\.features: .*expected one of"),
        ("features", "FILE", r"heatmaps\.walk\.features: .*Name a file in heatmaps\.walk\.weights"),
        ("features", "tu-mixer_s16_224", r"heatmaps\.walk\.features: .*tu-mixer_s16_224"),
        ("weights", "absent.pth", r"heatmaps\.walk\.features: absent\.pth: cannot be read"),
        ("weights", "pretrained", r"cannot be reached.*set heatmaps\.walk\.weights in params\.yaml"),
    ],
)
def test_errors_name_the_key(
    key: str, value: str, message: str, vit_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "https://weights.invalid")
    section = {"features": VIT, "weights": "none", key: value.replace("FILE", str(vit_file))}
    with pytest.raises(WeightsError, match=message):
        make_walk_features(HEATMAPS.walk.model_copy(update=section))


@pytest.mark.parametrize(
    "change", [{"features": "classifier"}, {"features": "tu-no_such_network", "restart": 1.0}]
)
def test_nothing_is_made_where_nothing_is_compared(change: dict[str, object]) -> None:
    assert make_walk_features(HEATMAPS.walk.model_copy(update=change)) is None
