"""Pretrained encoders, by name or by path, checked key by key."""

import os
import socket
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import segmentation_models_pytorch as smp
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from pipeline.errors import UserError

StateDict = dict[str, Tensor]

HEADS = ("fc.", "classifier.", "last_linear.", "head.")  # of ImageNet classifiers; no encoder has them


class WeightsError(UserError):
    """Weights that cannot be read, downloaded, or do not fit."""


def make_encoder(name: str, weights: str, output_stride: int = 32) -> nn.Module:
    """An encoder of segmentation-models-pytorch (`tu-NAME` for timm's), with its weights.

    Args:
        weights: `imagenet` (downloaded once), `none`, or the path of a .safetensors or .pth file.

    Raises:
        WeightsError: unknown encoder, no network for the download, or a file that does not fit.
    """
    download = "imagenet" if weights == "imagenet" else None
    if download:
        _require_network()
    try:
        encoder: nn.Module = smp.encoders.get_encoder(
            name, in_channels=3, depth=5, weights=download, output_stride=output_stride
        )
    except (KeyError, ValueError, RuntimeError, OSError) as error:
        raise WeightsError(f"encoder {name!r} with weights {weights!r}: {error}") from error
    if weights not in ("imagenet", "none"):
        load_into(encoder, read_weights(Path(weights)), weights)
    return encoder


def read_weights(path: Path) -> StateDict:
    """Encoder tensors of a .safetensors or .pth file in float32; no pickled code is ever run.

    Left out are classification heads, and the prefixes that training codes add (`module.`, `encoder.`).
    """
    try:
        raw = load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
    except (OSError, SafetensorError, RuntimeError, ValueError, EOFError, ImportError) as error:
        raise WeightsError(f"{path}: cannot be read as weights: {error}") from error
    except Exception as error:  # UnpicklingError of a file that holds more than tensors
        raise WeightsError(
            f"{path}: refused, it holds more than tensors. Save the state_dict alone, best as .safetensors"
        ) from error
    nested: Any = raw.get("state_dict", raw.get("model", raw))  # as training codes save it
    state: StateDict = {key: value for key, value in nested.items() if isinstance(value, Tensor)}
    for prefix in ("module.", "encoder."):
        if any(key.startswith(prefix) for key in state):
            state = {key.removeprefix(prefix): v for key, v in state.items() if key.startswith(prefix)}
    kept = {key: value for key, value in state.items() if not key.startswith(HEADS)}
    return {key: value.float() if value.is_floating_point() else value for key, value in kept.items()}


def load_into(encoder: nn.Module, state: StateDict, source: str) -> None:
    """Load `state` into `encoder`.

    Raises:
        WeightsError: a tensor is missing, is left over, or has another shape.
    """
    problems = _misfits(encoder, state)
    if problems:
        shown = "; ".join(problems[:5])
        raise WeightsError(f"{source}: does not fit the encoder in {len(problems)} tensor(s): {shown}")
    own = encoder.state_dict()
    # Not encoder.load_state_dict: those of segmentation-models-pytorch expect the head's keys.
    nn.Module.load_state_dict(encoder, {**own, **state})


def encoders_that_fit(path: Path) -> list[str]:
    """Names of the encoders of segmentation-models-pytorch whose tensors are those of the file."""
    state = read_weights(path)
    fitting = []
    # The library warns that its `timm-` names will go; each has a `tu-` one.
    for name in sorted(n for n in smp.encoders.encoders if not n.startswith("timm-")):
        try:
            with torch.device("meta"):
                encoder = smp.encoders.get_encoder(name, weights=None)
        except (KeyError, ValueError, RuntimeError):
            continue  # cannot be built without data: never a candidate
        if not _misfits(encoder, state):
            fitting.append(name)
    return fitting


def _misfits(encoder: nn.Module, state: StateDict) -> list[str]:
    own = encoder.state_dict()
    # A counter that older checkpoints lack and that nothing here reads.
    needed = {key for key in own if not key.endswith("num_batches_tracked")}
    problems = [f"{key} is missing" for key in sorted(needed - state.keys())]
    problems += [f"{key} is unknown" for key in sorted(state.keys() - own.keys())]
    for key in sorted(needed & state.keys()):
        if own[key].shape != state[key].shape:
            problems.append(f"{key} has shape {tuple(state[key].shape)}, expected {tuple(own[key].shape)}")
    return problems


def _require_network() -> None:
    """Fail within a second where the download would try again for minutes; proxies are left to decide."""
    proxied = any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"))
    if proxied or os.environ.get("HF_HUB_OFFLINE"):
        return
    host = urlparse(os.environ.get("HF_ENDPOINT", "https://huggingface.co")).hostname or "huggingface.co"
    try:
        socket.create_connection((host, 443), timeout=1).close()
    except OSError as error:
        raise WeightsError(
            f"weights: imagenet: {host} cannot be reached ({error}). Set classifier.weights in params.yaml "
            "to `none` or to the path of a .safetensors or .pth file; HF_HUB_OFFLINE=1 takes cached weights."
        ) from error
