"""Writes the segmentation model for `camseg export onnx`."""

import argparse
from pathlib import Path

from pipeline.errors import UserError
from pipeline.export.onnx import export_onnx
from pipeline.params import load_params
from pipeline.workflows.saved_model import default_model, load_model


def export_model(arguments: argparse.Namespace) -> int:
    """Write a segmentation model as ONNX, and say how far its output is from the output of torch."""
    out: Path = arguments.out
    if arguments.masks or arguments.predictions:
        raise UserError("--masks, --predictions: onnx takes a model: --model FOLDER")
    if out.suffix != ".onnx" or out.exists():
        raise UserError(f"{out}: expected a new file that ends with .onnx. Name another one")
    model = arguments.model or default_model(load_params())
    difference = export_onnx(load_model(model), out)
    print(f"{model} written to {out}")
    if difference is None:
        print("not compared with torch: pip install '.[onnx]' brings onnxruntime")
    else:
        print(f"onnxruntime gives the logits of torch: they differ by {difference:.1g} at most")
    return 0
