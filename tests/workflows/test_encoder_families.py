"""Families of timm's hierarchical encoders: classifier, exact CAM, training, segmentation, files."""

from copy import deepcopy
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from pipeline.base.files import read_json, write_json
from pipeline.classifier.network import (
    CellNorm,
    Classifier,
    load_classifier,
    make_classifier,
    needs_cell_norm,
    save_classifier,
)
from pipeline.engine.batch_norm_folding import fold_batch_norm
from pipeline.engine.encoders import any_size, cell_pixels
from pipeline.engine.training_loop import make_optimizer
from pipeline.engine.weights import WeightsError, encoder_fits, make_encoder
from pipeline.heatmaps.cell_evidence import cell_logits
from pipeline.heatmaps.class_maps import class_maps
from pipeline.heatmaps.layers import depth_layers
from pipeline.params import load_params
from pipeline.segmentation.network import (
    SegmentationConfig,
    load_segmentation_net,
    make_segmentation_net,
    save_segmentation_net,
)
from pipeline.segmentation.prediction import predict_probabilities
from pipeline.workflows.classifier_target import classifier_target
from tests.small_encoders import FAMILIES

PARAMS = load_params(Path(__file__).parents[2] / "params.yaml")
CLASSES = ("a", "b", "c")
ODD = (70, 101)  # no multiple of a cell


def classifier(family: str) -> Classifier:
    """A classifier whose FC layer tells much, so that rounding shows."""
    return deepcopy(made_once(family))


@cache
def made_once(family: str) -> Classifier:
    torch.manual_seed(0)
    section = PARAMS.classifier.model_copy(update={"encoder": f"tu-{family}", "weights": "none"})
    net = make_classifier(section, CLASSES).eval()
    with torch.no_grad():
        net.fc.weight.normal_()
        net.fc.bias.normal_()
    return net


def images(height: int, width: int, count: int = 2) -> Tensor:
    return torch.rand(count, 3, height, width, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("family", FAMILIES)
def test_the_mean_of_cam_is_the_logit(family: str) -> None:
    net, shown = classifier(family), images(*ODD)
    assert net.config.cell_norm
    maps = class_maps(net, shown, [range(3)] * 2, ["cam"], classifier_target(net)).maps["cam"]
    logits = net(shown).detach()
    assert maps.shape[-2:] == (3, 4)  # 70 and 101 pixels in cells of 32
    torch.testing.assert_close(maps.mean((2, 3)) + net.fc.bias.detach(), logits, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(cell_logits(net, shown).mean((2, 3)), logits, atol=1e-5, rtol=1e-5)
    assert maps.std((2, 3)).min() > 1e-3  # a map that is the same everywhere would pass too


@pytest.mark.parametrize("family", FAMILIES)
def test_each_cell_is_normalised_over_its_channels(family: str) -> None:
    net = classifier(family)
    with torch.no_grad():
        raw, cells = net.encoder(net.normalise(images(64, 96)))[-1], net.activations(images(64, 96))
    mean, variance = raw.mean(1, keepdim=True), raw.var(1, unbiased=False, keepdim=True)
    torch.testing.assert_close(cells, (raw - mean) / (variance + 1e-5).sqrt(), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_odd_sizes_are_enlarged_to_whole_cells(family: str) -> None:
    net, shown = classifier(family), images(*ODD)
    enlarged = functional.interpolate(shown, (96, 128), mode="bilinear", align_corners=False, antialias=True)
    with torch.no_grad():
        torch.testing.assert_close(net(shown), net(enlarged))


@pytest.mark.parametrize("family", FAMILIES)
def test_maps_of_earlier_depths(family: str) -> None:
    """Channels-first families have them; the maps of the others are no output of a module."""
    net = classifier(family)
    layers = depth_layers(net.encoder)
    assert len(layers) == (0 if family in ("small_swin", "small_mambaout") else 3)
    target = classifier_target(net)
    made = class_maps(net, images(64, 96), [[0], [1]], ["cam"], target, earlier=layers[-1:])
    assert [tuple(maps.shape) for maps in made.earlier] == [(2, 1, 4, 6)] * min(1, len(layers))
    assert all(maps.max() > 0 for maps in made.earlier)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_saved_classifier_gives_the_same_logits(family: str, tmp_path: Path) -> None:
    net, shown = classifier(family), images(*ODD)
    save_classifier(tmp_path, net)
    again = load_classifier(tmp_path)
    assert again.config == net.config
    fold_batch_norm(again.encoder)
    with torch.no_grad():
        torch.testing.assert_close(again(shown), net(shown), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("family", FAMILIES)
def test_all_parameters_learn_and_norms_do_not_decay(family: str) -> None:
    net = classifier(family)
    optimizer = make_optimizer(net, PARAMS.classifier.training, list(net.encoder.parameters()))
    decays = {id(p): group["weight_decay"] > 0 for group in optimizer.param_groups for p in group["params"]}
    assert decays == {id(p): p.ndim > 1 for p in net.parameters()}
    net.train()
    net(images(64, 64)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("family", FAMILIES)
def test_a_file_of_timm_loads(family: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    whole = timm.create_model(family, num_classes=7, **any_size(f"tu-{family}")).eval()
    path = tmp_path / f"{family}.safetensors"
    save_file(whole.state_dict(), path)
    encoder = make_encoder(f"tu-{family}", str(path)).eval()
    with torch.no_grad():
        expected = whole.forward_intermediates(images(64, 96), intermediates_only=True, norm=False)[-1]
        torch.testing.assert_close(encoder(images(64, 96))[-1], expected)
    assert encoder_fits(f"tu-{family}", path)


@pytest.mark.parametrize(
    ("family", "architecture"),
    [*((family, "FPN") for family in FAMILIES), ("small_convnext", "Unet"), ("small_swin", "Unet")],
)
def test_segmentation_starts_from_the_classifier(family: str, architecture: str, tmp_path: Path) -> None:
    net = classifier(family)
    save_classifier(tmp_path / "classifier", net)
    section = PARAMS.segmentation.model_copy(
        update={
            "encoder": f"tu-{family}",
            "weights": "classifier",
            "architecture": architecture,
            "decoder": {},
        }
    )
    weights = tmp_path / "classifier/model.safetensors"
    made = make_segmentation_net(section, SegmentationConfig(CLASSES, 96), weights, pretrained=True).eval()
    for name, tensor in net.encoder.state_dict().items():
        assert torch.equal(made.model.get_submodule("encoder").state_dict()[name], tensor), name
    image = np.random.default_rng(0).integers(0, 256, (*ODD, 3), np.uint8)
    before = predict_probabilities(made, image, (1.0,), flip=True)
    assert before.shape == (4, *ODD)
    save_segmentation_net(tmp_path / "model", made)
    loaded = load_segmentation_net(tmp_path / "model")
    torch.testing.assert_close(predict_probabilities(loaded, image, (1.0,), flip=True), before)
    public = smp.from_pretrained(str(tmp_path / "model")).eval()
    with torch.no_grad():
        torch.testing.assert_close(public(images(64, 96)), loaded.model(images(64, 96)), atol=1e-5, rtol=1e-4)


def test_cam_of_a_plain_transformer_is_exact(tmp_path: Path) -> None:
    net, shown = classifier("small_vit"), images(*ODD)
    assert net.config.cell_norm
    assert depth_layers(net.encoder) == []
    maps = class_maps(net, shown, [range(3)] * 2, ["cam"], classifier_target(net)).maps["cam"]
    logits = net(shown).detach()
    assert maps.shape[-2:] == (5, 8)  # 70 and 101 pixels in patches of 14
    torch.testing.assert_close(maps.mean((2, 3)) + net.fc.bias.detach(), logits, atol=1e-5, rtol=1e-5)
    assert maps.std((2, 3)).min() > 1e-3
    save_classifier(tmp_path, net)
    with torch.no_grad():
        torch.testing.assert_close(load_classifier(tmp_path)(shown), logits, atol=1e-5, rtol=1e-4)
    net.train()
    net(images(70, 70)).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())


def test_a_plain_transformer_has_one_stride_and_makes_no_segmentation_model(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"tu-small_vit.*Set output_stride: 32, got 16"):
        make_encoder("tu-small_vit", "none", 16)
    section = PARAMS.segmentation.model_copy(update={"encoder": "tu-small_vit", "weights": "none"})
    with pytest.raises(WeightsError, match="segmentation 'Unet' on 'tu-small_vit'"):
        make_segmentation_net(section, SegmentationConfig(CLASSES, 96), tmp_path, pretrained=False)


def test_cells_by_the_name_of_an_encoder() -> None:
    names = "tu-small_vit", "tu-small_swin", "tu-small_convnext", "tu-resnet10t", "mobilenet_v2"
    assert [cell_pixels(name, 32) for name in names] == [14, 32, 32, 32, 32]
    assert cell_pixels("tu-resnet10t", 8) == 8


def test_networks_of_one_size_alone_get_options() -> None:
    before = torch.get_rng_state()
    assert any_size("tu-small_swin") == {"strict_img_size": False}
    assert any_size("tu-small_convnext") == any_size("tu-resnet10t") == any_size("resnet18") == {}
    assert any_size("tu-no_such_network") == {}
    assert torch.equal(torch.get_rng_state(), before)  # asking draws no weights


@pytest.mark.parametrize("encoder", ["tu-resnet10t", "mobilenet_v2", "tu-regnetx_002"])
def test_networks_without_layer_norm_stay_as_they_were(encoder: str) -> None:
    assert not needs_cell_norm(make_encoder(encoder, "none"))


def test_an_older_classifier_has_no_cell_norm(tmp_path: Path) -> None:
    net = classifier("small_convnext")
    save_classifier(tmp_path, net)
    config = read_json(tmp_path / "config.json")
    del config["cell_norm"]
    write_json(tmp_path / "config.json", config)
    older = load_classifier(tmp_path)
    assert not older.config.cell_norm
    with torch.no_grad():
        raw = older.encoder(older.normalise(images(64, 96)))[-1]
        torch.testing.assert_close(older(images(64, 96)), older.fc(raw.mean((2, 3))), atol=1e-5, rtol=1e-5)


def test_cell_norm_stays_in_float32_under_autocast() -> None:
    with torch.autocast("cpu", torch.bfloat16):
        assert CellNorm()(torch.rand(1, 8, 2, 3, dtype=torch.bfloat16)).dtype == torch.float32
