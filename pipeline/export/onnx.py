"""The segmentation model as ONNX: images of any size and number in, scores of their size out."""

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
from pipeline.errors import UserError
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.prediction import MULTIPLE

OPSET = 18
PACKAGES = ("onnx", "onnxscript")
TRACED = (2, 3, 64, 96)  # any size of a batch, not square, so that no side is taken for another
CHECKED = (3, 3, 75, 110)  # another one, of sides that have to be padded
TOLERANCE = 1e-3  # of the largest score, between torch and onnxruntime


class Padded(nn.Module):
    """Images float32 (N, 3, H, W) in [0, 1] -> scores float32 (N, L, H, W), for sides of any length.

    Sides grow to multiples of 32 at the right and the bottom by their last pixels, as in prediction, and the
    scores are cut back.
    """

    def __init__(self, net: SegmentationNet) -> None:
        super().__init__()
        self.net = net

    def forward(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        # By index: padding by a number that is only known later has no counterpart in ONNX for `replicate`.
        rows, columns = (_repeat_last(side, images.device) for side in (height, width))
        scores: Tensor = self.net(images[:, :, rows][:, :, :, columns])
        return scores[:, :, :height, :width]


def _repeat_last(side: int, device: torch.device) -> Tensor:
    longer = (side + MULTIPLE - 1) // MULTIPLE * MULTIPLE
    return torch.arange(longer, device=device).clamp(max=side - 1)


def export_onnx(net: SegmentationNet, file: Path) -> float | None:
    """Write `net` to `file` and compare it with torch.

    The graph takes `images` float32 (N, 3, H, W), RGB in [0, 1], and gives `scores` float32 (N, L, H, W)
    before the softmax: id 0 is the background, id i + 1 class i. The metadata holds classes and working size.

    Returns:
        The largest difference of a score between torch and onnxruntime; None where that is not installed.

    Raises:
        ValueError: a package is missing, the model cannot be written, or the two differ. No file is left.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UserError(f"onnx needs {', '.join(missing)}: pip install 'camseg[onnx]'")
    padded = Padded(net.cpu()).eval()
    content = to_onnx(padded)
    difference = largest_difference(padded, content) if find_spec("onnxruntime") else None
    write_bytes(file, content)
    return difference


def to_onnx(padded: Padded) -> bytes:
    """The bytes of the ONNX file.

    Raises:
        ValueError: torch cannot write the network.
    """
    import onnx  # here, since it is an extra

    sides = {0: torch.export.Dim.DYNAMIC, 2: torch.export.Dim.DYNAMIC, 3: torch.export.Dim.DYNAMIC}
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the exporter, about itself
        file = Path(folder) / "model.onnx"
        try:
            torch.onnx.export(
                padded,
                (torch.rand(TRACED),),
                file,
                input_names=["images"],
                output_names=["scores"],
                opset_version=OPSET,
                dynamo=True,
                dynamic_shapes=(sides,),
                external_data=False,
                verbose=False,
            )
        except Exception as error:  # the exporter raises what its many parts raise
            raise UserError(f"onnx: torch cannot write this network: {str(error)[:500]}") from error
        model = onnx.load(file)
    add_metadata(model, padded.net)
    content: bytes = model.SerializeToString()
    return content


def add_metadata(model: Any, net: SegmentationNet) -> None:
    """Add what a caller has to know to the metadata of an `onnx.ModelProto`."""
    for key, value in {
        "classes": json.dumps(net.config.classes, ensure_ascii=False),
        "ids": "0: background, i + 1: class i",
        "images": "float32 (N, 3, H, W), RGB in [0, 1]; any H and W, the longer side near long_side",
        "scores": "float32 (N, L, H, W) before the softmax",
        "long_side": str(net.config.long_side),
    }.items():
        entry = model.metadata_props.add()
        entry.key, entry.value = key, value


def largest_difference(padded: Padded, content: bytes) -> float:
    """The largest difference between the scores of torch and of onnxruntime.

    Raises:
        ValueError: it is above `TOLERANCE` of the largest score.
    """
    import onnxruntime

    images = torch.rand(CHECKED, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        expected = padded(images).numpy()
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {"images": images.numpy()})
    if found.shape != expected.shape:
        raise UserError(f"onnx: expected scores of shape {expected.shape}, got {found.shape}")
    difference = float(np.abs(found - expected).max())
    if not difference <= TOLERANCE * max(1.0, float(np.abs(expected).max())):
        raise UserError(
            f"onnx: expected the scores of torch, got a difference of {difference:.2g}. No file was written."
        )
    return difference
