"""Weights by name and by path."""

import re
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from safetensors.torch import save_file

from pipeline.engine.weights import WeightsError, encoder_fits, encoders_that_fit, make_encoder, read_weights

SHARED = Path(__file__).parents[3] / "shared" / "weights" / "mobilenet_v2_imagenet_fp16.safetensors"


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {key: value.clone() for key, value in make_encoder("resnet18", "none").state_dict().items()}


@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_weights_of_a_file_are_the_encoders(
    suffix: str, state: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    path = tmp_path / f"weights{suffix}"
    head = {"fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)}
    if suffix == ".pth":
        torch.save({"state_dict": {f"module.{key}": value for key, value in {**state, **head}.items()}}, path)
    else:
        save_file(
            {key: v.half() if v.is_floating_point() else v for key, v in {**state, **head}.items()}, path
        )
    torch.manual_seed(2)
    loaded = make_encoder("resnet18", str(path)).state_dict()
    tolerance = 0 if suffix == ".pth" else 1e-3
    assert torch.allclose(loaded["layer4.1.conv2.weight"], state["layer4.1.conv2.weight"], atol=tolerance)
    assert loaded["layer4.1.conv2.weight"].dtype == torch.float32


def test_a_missing_and_a_misshapen_tensor_are_named(state: dict[str, torch.Tensor], tmp_path: Path) -> None:
    del state["conv1.weight"]
    state["bn1.weight"] = torch.ones(7)
    path = tmp_path / "weights.safetensors"
    save_file(state, path)
    with pytest.raises(WeightsError, match=r"2 tensor.*conv1.weight is missing; bn1.weight has shape \(7,\)"):
        make_encoder("resnet18", str(path))


def test_pickled_code_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    torch.save({"code": print}, path)
    with pytest.raises(WeightsError, match="more than tensors"):
        read_weights(path)


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.safetensors"):
        make_encoder("resnet18", str(tmp_path / "none.safetensors"))
    (tmp_path / "broken.safetensors").write_bytes(b"x" * 40)
    with pytest.raises(WeightsError, match=r"broken\.safetensors"):
        read_weights(tmp_path / "broken.safetensors")


def test_unknown_encoder_is_named() -> None:
    with pytest.raises(WeightsError, match="resnet_none"):
        make_encoder("resnet_none", "none")


def test_no_network_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HF_ENDPOINT", "https://weights.invalid")
    with pytest.raises(
        WeightsError, match=r"weights.invalid cannot be reached.*weights fetch.*classifier.weights"
    ):
        make_encoder("resnet18", "pretrained")


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared ImageNet weights")
def test_the_encoder_of_a_file_is_found() -> None:
    assert encoders_that_fit(SHARED) == ["mobilenet_v2"]


class Unpickled:
    """What a file must not make."""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([torch.ones(1)], "expected tensors by their names, got list"),
        (torch.ones(1), "expected tensors by their names, got Tensor"),
        ({"state_dict": [1]}, "expected tensors by their names, got dict"),
        ({"epoch": 3}, "expected tensors by their names, got dict"),
        ({3: torch.ones(1)}, "expected tensors by their names, got dict"),
        (Unpickled(), "more than tensors"),
        ({"model": Unpickled()}, "more than tensors"),
    ],
)
def test_a_file_of_something_else_is_refused(content: object, message: str, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match=rf"weights\.pth: .*{message}.*Save the state_dict") as caught:
        read_weights(tmp_path / "weights.pth")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"x" * 40])
def test_a_file_that_is_none_of_torch_is_refused_in_one_line(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"^[^\n]*weights\.pth[^\n]*$"):
        read_weights(tmp_path / "weights.pth")


def saved(folder: Path, name: str, kind: str) -> Path:
    """A checkpoint of timm's classifier `name` with random weights, as its trainers and the hub have it."""
    torch.manual_seed(3)
    state = timm.create_model(name, num_classes=7).state_dict()
    path = folder / f"{name}-0123abcd{'.safetensors' if kind == 'safetensors' else '.pth'}"
    match kind:
        case "safetensors":
            save_file(state, path)
        case "nested":
            torch.save({"epoch": 2, "state_dict": state}, path)
        case "distributed":
            torch.save({f"module.{key}": value for key, value in state.items()}, path)
        case _:
            torch.save(state, path)
    return path


@pytest.mark.parametrize("kind", ["safetensors", "pth", "nested", "distributed"])
def test_a_checkpoint_of_timm_loads(kind: str, tmp_path: Path) -> None:
    path = saved(tmp_path, "resnet10t", kind)
    assert_same_features("resnet10t", path)


@pytest.mark.parametrize("name", ["convnext_atto", "regnetx_002", "mobilenetv3_small_050", "resnetv2_18"])
def test_names_that_timm_flattens_are_found(name: str, tmp_path: Path) -> None:
    assert_same_features(name, saved(tmp_path, name, "safetensors"))


def assert_same_features(name: str, path: Path) -> None:
    """The last feature map of the encoder is that of timm's own network of the file."""
    encoder = make_encoder(f"tu-{name}", str(path)).eval()
    torch.manual_seed(3)  # as in `saved`
    whole = timm.create_model(name, num_classes=7).eval()
    images = torch.rand(1, 3, 64, 96)
    with torch.no_grad():
        expected = whole.forward_intermediates(images, intermediates_only=True, norm=False)[-1]
        torch.testing.assert_close(encoder(images)[-1], expected)


def test_an_older_checkpoint_is_converted_by_timm(tmp_path: Path) -> None:
    """ConvNeXt as its authors published it: `downsample_layers` and `dwconv`, not `stem` and `conv_dw`."""
    torch.manual_seed(0)
    state = timm.create_model("convnext_atto").state_dict()
    older = {"model": {original_name(key): value for key, value in state.items()}}
    torch.save(older, tmp_path / "convnext.pth")
    loaded = make_encoder("tu-convnext_atto", str(tmp_path / "convnext.pth")).state_dict()
    assert torch.equal(loaded["model.stem_0.weight"], state["stem.0.weight"])
    assert torch.equal(loaded["model.stages_1.downsample.1.weight"], state["stages.1.downsample.1.weight"])


def original_name(key: str) -> str:
    key = key.replace("head.fc.", "head.").replace("head.norm.", "norm.").replace("conv_dw", "dwconv")
    key = (
        key.replace("mlp.fc1", "pwconv1")
        .replace("mlp.fc2", "pwconv2")
        .replace("stem.", "downsample_layers.0.")
    )
    key = re.sub(r"stages\.(\d)\.downsample\.", r"downsample_layers.\1.", key)
    return re.sub(r"stages\.(\d)\.blocks\.", r"stages.\1.", key)


def test_a_checkpoint_of_another_network_of_timm_is_refused(tmp_path: Path) -> None:
    path = saved(tmp_path, "resnet14t", "pth")
    with pytest.raises(WeightsError, match=r"fit the encoder in \d+ tensor.*: layer1.0.bn3.bias is unknown"):
        make_encoder("tu-resnet10t", str(path))


def test_our_own_classifiers_file_loads(tmp_path: Path) -> None:
    state = make_encoder("tu-resnet10t", "none").state_dict()
    named = {f"encoder.{key}": value for key, value in state.items()} | {"fc.weight": torch.ones(2, 512)}
    save_file(named, tmp_path / "model.safetensors")
    loaded = make_encoder("tu-resnet10t", str(tmp_path / "model.safetensors")).state_dict()
    assert all(torch.equal(loaded[key], state[key]) for key in state)


def test_an_encoder_of_timm_is_found_by_the_name_of_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = saved(tmp_path, "resnet10t", "pth")
    few = {name: smp.encoders.encoders[name] for name in ("resnet18", "mobilenet_v2")}
    monkeypatch.setattr(smp.encoders, "encoders", few)
    assert encoders_that_fit(path) == ["tu-resnet10t"]
    unnamed = path.rename(tmp_path / "model.pth")
    assert encoders_that_fit(unnamed) == []
    assert encoder_fits("tu-resnet10t", unnamed)
    assert not encoder_fits("tu-convnext_atto", unnamed)
    assert not encoder_fits("tu-no_such_network", unnamed)
