"""The segmentation model as an ONNX file: images of any size and number in, logits of the same size out."""

import json
import tempfile
import warnings
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from pipeline.base.files import write_bytes
from pipeline.data.pixels.reading import reading_to_json
from pipeline.errors import UserError
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.prediction import MULTIPLE

OPSET = 18
PACKAGES = ("onnx", "onnxscript")
TRACED = (2, 3, 64, 96)  # shape of the example batch; not square, so that rows and columns stay apart
CHECKED = (3, 3, 75, 110)  # shape of the batch for the comparison; its sides need padding
TOLERANCE = 1e-3  # of the largest logit, between torch and onnxruntime


class PaddedNet(nn.Module):
    """Images float32 (N, 3, H, W) in [0, 1] -> logits float32 (N, L, H, W), for sides of any length.

    As in prediction, the last pixels at the right and the bottom repeat until the sides are multiples of 32.
    The logits are cut back to (H, W).
    """

    def __init__(self, net: SegmentationNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        # By index: ONNX has no `replicate` padding by a number that is only known at run time.
        rows, columns = (_padded_indices(side, images.device) for side in (height, width))
        logits: Tensor = self.net(images[:, :, rows][:, :, :, columns])
        return logits[:, :, :height, :width]


def _padded_indices(side: int, device: torch.device) -> Tensor:
    padded = (side + MULTIPLE - 1) // MULTIPLE * MULTIPLE
    return torch.arange(padded, device=device).clamp(max=side - 1)


def export_onnx(net: SegmentationNet, file: Path) -> float | None:
    """Write `net` to `file`, and compare the file with torch.

    The graph takes `images` float32 (N, 3, H, W), RGB in [0, 1], and gives `logits` float32 (N, L, H, W):
    channel 0 is the background, channel i + 1 is class i; in data without background channel i is class i.
    The metadata holds classes, working size, the licence of the weights that training started from, and which
    values of images of more than 8 bits became 0 and 1.

    Returns:
        The largest difference of a logit between torch and onnxruntime; None if onnxruntime is not installed.

    Raises:
        UserError: a package is missing, torch cannot write the model, or the two differ. No file is left.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UserError(f"onnx needs {', '.join(missing)}: pip install '.[onnx]'")
    padded = PaddedNet(net.cpu()).eval()
    content = to_onnx(padded)
    difference = largest_difference(padded, content) if find_spec("onnxruntime") else None
    write_bytes(file, content)
    return difference


def to_onnx(padded: PaddedNet) -> bytes:
    """The bytes of the ONNX file."""
    import onnx  # here, since it is an extra

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about itself
        file = Path(folder) / "model.onnx"
        try:
            torch.onnx.export(
                padded,
                (torch.rand(TRACED),),
                file,
                input_names=["images"],
                output_names=["logits"],
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes=(dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC),),
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # the exporter raises what its many parts raise
            architecture = type(padded.net.model).__name__
            raise UserError(f"onnx: torch cannot write {architecture}: {str(error)[:500]}") from error
        model = onnx.load(file)
    add_metadata(model, padded.net)
    content: bytes = model.SerializeToString()
    return content


def add_metadata(model: Any, net: SegmentationNet) -> None:
    """Add what a caller has to know to the metadata of an `onnx.ModelProto`."""
    background = net.config.background
    channels = f"channel {'0: background, i + 1' if background else 'i'}: class i"
    for key, value in {
        "classes": json.dumps(net.config.classes, ensure_ascii=False),
        "ids": "0: background, i + 1: class i",
        "images": "float32 (N, 3, H, W), RGB in [0, 1]; any H and W, the longer side near long_side",
        "logits": f"float32 (N, L, H, W), before the softmax; {channels}",
        "long_side": str(net.config.long_side),
        "weights_licence": net.config.weights_licence,
        "reading": json.dumps(reading_to_json(net.config.reading)),
    }.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value


def largest_difference(padded: PaddedNet, content: bytes) -> float:
    """The largest difference between the logits of torch and of onnxruntime; an error above `TOLERANCE`."""
    import onnxruntime

    images = torch.rand(CHECKED, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = padded(images).numpy()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # fatal: what is wrong comes as an exception
    refused = (
        f"onnx: {type(padded.net.model).__name__} cannot be written for images of any size. Train another "
        "segmentation.architecture. No file was written. "
    )
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        (logits,) = session.run(None, {"images": images.numpy()})
    except Exception as error:  # onnxruntime's exceptions share no other base
        raise UserError(f"{refused}onnxruntime: {str(error)[:300]}") from error
    if logits.shape != expected.shape:
        raise UserError(f"{refused}Expected logits of shape {expected.shape}, got {logits.shape}")
    difference = float(np.abs(logits - expected).max())
    if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise UserError(
            f"onnx: expected the logits of torch, got a difference of {difference:.2g}. No file was written."
        )
    return difference
