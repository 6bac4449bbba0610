"""The ONNX file in onnxruntime against the network in torch."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import segmentation_models_pytorch as smp
import torch

from pipeline.errors import UserError
from pipeline.export import onnx as writer
from pipeline.export.onnx import PaddedNet, add_metadata, export_onnx
from pipeline.segmentation.network import SegmentationConfig, SegmentationNet
from tests.forks import FORKS, in_fork

pytestmark = pytest.mark.filterwarnings(FORKS)

CONFIG = SegmentationConfig(("cat", "été"), 64, weights_licence="mit")
SIZES = [(1, 3, 64, 64), (2, 3, 33, 70), (3, 3, 7, 90), (1, 3, 128, 32)]


def make_net(architecture: str) -> SegmentationNet:
    torch.manual_seed(0)
    model = smp.create_model(architecture, "tu-resnet10t", encoder_weights=None, classes=3)
    return SegmentationNet(model, CONFIG).eval()


def one_convolution() -> SegmentationNet:
    torch.manual_seed(0)
    return SegmentationNet(torch.nn.Conv2d(3, 3, 1), CONFIG).eval()


@pytest.fixture(scope="module")
def written() -> bytes:
    """The file of `one_convolution`, as torch writes it: that takes seconds."""
    return bytes(in_fork(partial(writer.to_onnx, PaddedNet(one_convolution()))))


def require_the_logits_of(net: SegmentationNet, file: Path) -> None:
    """The file gives them at sizes and for numbers of images that the export never saw."""
    session = onnxruntime.InferenceSession(file, providers=["CPUExecutionProvider"])
    for size in SIZES:
        images = torch.rand(size)
        (logits,) = session.run(None, {"images": images.numpy()})
        with torch.inference_mode():
            height, width = -(-size[2] // 32) * 32, -(-size[3] // 32) * 32
            padded = np.pad(images, ((0, 0), (0, 0), (0, height - size[2]), (0, width - size[3])), "edge")
            expected = net(torch.from_numpy(padded))[:, :, : size[2], : size[3]]
        assert logits.shape == (size[0], 3, *size[2:])
        assert np.abs(logits - expected.numpy()).max() < 1e-3


def test_against_torch(tmp_path: Path) -> None:
    """With a Unet, `camseg export onnx` is looked at alike."""
    net = make_net("FPN")
    file = tmp_path / "model.onnx"
    difference = in_fork(partial(export_onnx, net, file))
    assert difference is not None
    assert 0 <= difference < 1e-3
    require_the_logits_of(net, file)


def test_metadata_says_what_a_caller_has_to_know(written: bytes) -> None:
    model = onnx.load_model_from_string(written)
    onnx.checker.check_model(model)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(metadata["classes"]) == ["cat", "été"]
    assert metadata["long_side"] == "64"
    assert metadata["weights_licence"] == "mit"
    assert json.loads(metadata["reading"]) == {"bands": None, "frame": None, "ranges": None}
    logits = "float32 (N, L, H, W), before the softmax; channel "
    assert metadata["logits"] == f"{logits}0: background, i + 1: class i"
    assert [output.name for output in model.graph.output] == ["logits"]
    (images,) = model.graph.input
    shape = [dim.dim_value or dim.dim_param for dim in images.type.tensor_type.shape.dim]
    assert shape[1] == 3
    assert all(isinstance(shape[axis], str) and shape[axis] for axis in (0, 2, 3))
    bare = onnx.ModelProto()
    add_metadata(bare, SegmentationNet(torch.nn.Conv2d(3, 2, 1), replace(CONFIG, background=False)))
    metadata = {entry.key: entry.value for entry in bare.metadata_props}
    assert metadata["logits"] == f"{logits}i: class i"


def test_a_file_that_says_something_else_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: bytes
) -> None:
    net = one_convolution()
    with torch.no_grad():
        net.model.bias += 0.01
    monkeypatch.setattr(writer, "to_onnx", lambda padded: written)
    with pytest.raises(ValueError, match=r"expected the logits of torch, got a difference of 0\.01"):
        export_onnx(net, tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


def test_without_the_packages_the_remedy_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "PACKAGES", ("onnx", "no_such_package"))
    with pytest.raises(ValueError, match=r"needs no_such_package: pip install '\.\[onnx\]'"):
        export_onnx(SegmentationNet(torch.nn.Conv2d(3, 3, 1), CONFIG), tmp_path / "model.onnx")


@pytest.mark.slow
def test_an_architecture_that_runs_at_one_size_only_is_named(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(UserError, match=r"PSPNet cannot be written for images of any size\. .*No file"):
        in_fork(partial(export_onnx, make_net("PSPNet"), tmp_path / "model.onnx"))
    assert not list(tmp_path.iterdir())
    assert "onnxruntime" not in capfd.readouterr().err


class InvalidGraph(Exception):  # as onnxruntime's: no RuntimeError
    """Stands for one of the many exceptions of onnxruntime."""


@pytest.mark.parametrize(
    "error", [InvalidGraph("bad node"), RuntimeError("bad node"), ValueError("bad node")]
)
@pytest.mark.parametrize("step", ["start", "run"])
def test_exceptions_of_onnxruntime_are_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: bytes, error: Exception, step: str
) -> None:
    class Session:
        def __init__(self, *_: object, **__: object) -> None:
            if step == "start":
                raise error

        def run(self, *_: object) -> None:
            raise error

    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    monkeypatch.setattr(writer, "to_onnx", lambda padded: written)
    with pytest.raises(UserError, match=r"Conv2d cannot be written .*onnxruntime: bad node"):
        export_onnx(one_convolution(), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())
