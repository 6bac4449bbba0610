"""`camseg weights fetch`: what it writes is what an encoder loads."""

from pathlib import Path

import pytest
import torch

from pipeline.__main__ import main
from pipeline.commands.models import load_named_classifier
from pipeline.engine import weights
from pipeline.errors import UserError

ENCODERS = ["mobilenet_v2", "resnet18", "tu-resnet10t"]


@pytest.fixture
def downloads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random weights come in the place of downloaded ones."""
    make = weights.make_encoder
    monkeypatch.setattr(weights, "make_encoder", lambda name, source: make(name, "none"))


@pytest.mark.usefixtures("downloads")
@pytest.mark.parametrize("name", ENCODERS)
def test_a_fetched_file_fits_its_encoder(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(1)
    assert main(["weights", "fetch", name]) == 0
    file = Path(f"{name}.safetensors")
    monkeypatch.undo()
    torch.manual_seed(1)
    expected = weights.make_encoder(name, "none").state_dict()
    torch.manual_seed(2)
    loaded = weights.make_encoder(name, str(tmp_path / file)).state_dict()
    assert loaded.keys() == expected.keys()
    assert all(torch.equal(loaded[key], expected[key]) for key in expected)


@pytest.mark.usefixtures("downloads")
def test_nothing_is_written_over(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "w.safetensors"
    file.write_bytes(b"mine")
    assert main(["weights", "fetch", "resnet18", "--out", str(file)]) == 2
    assert main(["weights", "fetch", "resnet18", "--out", str(tmp_path / "w.pth")]) == 2
    errors = capsys.readouterr().err
    assert "is there already" in errors
    assert "expected the name of a .safetensors file" in errors
    assert file.read_bytes() == b"mine"
    assert list(tmp_path.iterdir()) == [file]


def test_without_a_network_the_reason_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(weights, "missing_network", lambda key: f"{key}: no route")
    assert main(["weights", "fetch", "resnet18", "--out", str(tmp_path / "w.safetensors")]) == 2
    assert "weights: no route" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_the_old_name_of_pretrained_weights_is_answered() -> None:
    with pytest.raises(UserError, match="--weights: imagenet is called pretrained now"):
        load_named_classifier("timm:resnet18", "imagenet")
