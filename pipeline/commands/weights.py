"""`camseg weights fetch`: the pretrained weights of an encoder as a file, for machines without a network."""

import argparse
from pathlib import Path
from typing import Any

from pipeline.base.files import write_bytes
from pipeline.commands.parser import add_command
from pipeline.errors import UserError

SUFFIX = ".safetensors"

EXAMPLES = """
`camseg run` downloads the weights that params.yaml asks for by itself. A machine without a network needs a
file: fetch it on another machine, carry it over, and name it there.

examples:
  camseg weights fetch mobilenet_v2                   # writes mobilenet_v2.safetensors
  camseg weights fetch tu-convnext_tiny --out w.safetensors
  camseg use images --weights mobilenet_v2.safetensors
"""


def add_parser(commands: Any) -> None:
    parser = add_command(commands, "weights", None, "fetch pretrained weights as a file", EXAMPLES)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    fetch = add_command(actions, "fetch", run, "download the weights of an encoder and write them to a file")
    name = "of segmentation-models-pytorch, or tu-NAME of timm"
    fetch.add_argument("encoder", metavar="ENCODER", help=name)
    out = f"file to write (default: ENCODER{SUFFIX})"
    fetch.add_argument("--out", type=Path, metavar="FILE", help=out)


def run(arguments: argparse.Namespace) -> int:
    """Write the tensors of the encoder, by the names that it has in camseg."""
    from safetensors.torch import save  # here, since they load torch

    from pipeline.engine.weights import make_encoder

    file: Path = arguments.out or Path(f"{arguments.encoder}{SUFFIX}")
    if file.suffix != SUFFIX:
        raise UserError(f"--out: expected the name of a {SUFFIX} file, got {file}")
    if file.exists():
        raise UserError(f"{file} is there already. Delete it, or name another file with --out")
    state = make_encoder(arguments.encoder, "pretrained").state_dict()
    write_bytes(file, save({name: tensor.contiguous() for name, tensor in state.items()}))
    print(f"{file}: {file.stat().st_size / 1e6:.1f} MB, pretrained weights of {arguments.encoder}")
    print(f"on the other machine: camseg use IMAGES --weights {file.name} --encoder {arguments.encoder}")
    return 0
