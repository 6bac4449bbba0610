"""Weights by name and by path."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from pipeline.engine.weights import WeightsError, encoders_that_fit, make_encoder, read_weights

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
    with pytest.raises(WeightsError, match=r"weights.invalid cannot be reached.*classifier.weights"):
        make_encoder("resnet18", "imagenet")


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared ImageNet weights")
def test_the_encoder_of_a_file_is_found() -> None:
    assert encoders_that_fit(SHARED) == ["mobilenet_v2"]
