"""Pretrained encoders, by name or by path, checked key by key."""

import os
import socket
import sys
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import segmentation_models_pytorch as smp
import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from segmentation_models_pytorch.encoders.timm_universal import TimmUniversalEncoder
from timm.models import clean_state_dict
from torch import Tensor, nn

from pipeline.engine.encoders import PlainTransformer, build_encoder
from pipeline.errors import UserError

StateDict = dict[str, Tensor]

HEADS = ("fc.", "classifier.", "last_linear.", "head.")  # of ImageNet classifiers; no encoder has them
NESTED = ("state_dict_ema", "model_ema", "state_dict", "model")  # where training codes put a state_dict
PREFIX = "encoder."  # of a segmentation model's or our classifier's encoder
WRAPPERS = ("model_", "model_model_", "model_body_")  # what timm's feature extractors put before a name
SAVE = "Save the state_dict alone, best as .safetensors"


class WeightsError(UserError):
    """Weights that cannot be read, downloaded, or do not fit."""


def make_encoder(
    name: str, weights: str, output_stride: int = 32, key: str = "classifier.weights"
) -> nn.Module:
    """An encoder of segmentation-models-pytorch (`tu-NAME` for timm's), with its weights.

    Args:
        weights: `pretrained` (downloaded once), `none`, or the path of a .safetensors or .pth file.
        key: where params.yaml names the weights, for messages.

    Raises:
        WeightsError: unknown encoder, no network for the download, or a file that does not fit.
    """
    download = weights == "pretrained"
    if download and (reason := missing_network(key)):
        raise WeightsError(reason)
    try:
        encoder = build_encoder(name, output_stride, download=download)
    except (KeyError, ValueError, RuntimeError, OSError) as error:
        reason = _reason(name, error)
        raise WeightsError(f"encoder {name!r} with weights {weights!r}: {reason}") from error
    if weights not in ("pretrained", "none"):
        load_into(encoder, read_weights(Path(weights)), weights)
    return encoder


def read_weights(path: Path) -> StateDict:
    """`read_tensors`; if some names begin with `encoder.`, these tensors alone and without this prefix."""
    state = read_tensors(path)
    if any(key.startswith(PREFIX) for key in state):
        state = {key.removeprefix(PREFIX): v for key, v in state.items() if key.startswith(PREFIX)}
    return state


def read_tensors(path: Path) -> StateDict:
    """Tensors of a .safetensors or .pth file in float32, by their names; no pickled code is ever run.

    The prefix that training codes add (`module.`) is left out.

    Raises:
        WeightsError: it is no such file, or holds something else.
    """
    nested = raw = _read(path)
    if isinstance(raw, dict):
        nested = next((raw[key] for key in NESTED if isinstance(raw.get(key), dict)), raw)
    named = {k: v for k, v in nested.items() if isinstance(k, str)} if isinstance(nested, dict) else {}
    state: StateDict = {k: v for k, v in clean_state_dict(named).items() if isinstance(v, Tensor)}
    if not state:
        raise WeightsError(f"{path}: expected tensors by their names, got {type(nested).__name__}. {SAVE}")
    return {key: value.float() if value.is_floating_point() else value for key, value in state.items()}


def load_into(encoder: nn.Module, state: StateDict, source: str) -> None:
    """Load `state` into `encoder`; a classification head is left out.

    Raises:
        WeightsError: a tensor is missing, is left over, or has another shape.
    """
    state = _rename(encoder, state, source)
    problems = _misfits(encoder, state)
    if problems:
        shown = "; ".join(problems[:5])
        raise WeightsError(f"{source}: does not fit the encoder in {len(problems)} tensor(s): {shown}")
    current = encoder.state_dict()
    # Not encoder.load_state_dict: those of segmentation-models-pytorch expect the head's keys.
    nn.Module.load_state_dict(encoder, {**current, **state})


def encoder_fits(name: str, path: Path) -> bool:
    """Whether the tensors of the encoder `name` are those of the file."""
    return _fits(name, read_weights(path))


def encoders_that_fit(path: Path) -> list[str]:
    """Names of the encoders whose tensors are those of the file.

    Tried are those of segmentation-models-pytorch, and of timm's thousand those that the file's name holds.
    """
    state = read_weights(path)
    # The library warns that its `timm-` names will go; each has a `tu-` one.
    known = sorted(name for name in smp.encoders.encoders if not name.startswith("timm-"))
    named = [f"tu-{name}" for name in timm.list_models() if name in path.stem]
    return [name for name in [*known, *named] if _fits(name, state)]


def _fits(name: str, state: StateDict) -> bool:
    try:
        with torch.device("meta"):
            encoder = build_encoder(name)
        return not _misfits(encoder, _rename(encoder, state, name))
    except (KeyError, ValueError, RuntimeError):
        return False  # cannot be built without data: never a candidate


def _read(path: Path) -> Any:
    try:
        return (
            load_file(path) if path.suffix == ".safetensors" else torch.load(path, "cpu", weights_only=True)
        )
    except (OSError, SafetensorError, RuntimeError, ValueError, EOFError, ImportError) as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(f"{path}: cannot be read as weights: {reason or 'it is empty'}") from error
    except Exception as error:  # UnpicklingError of a file that holds more than tensors
        raise WeightsError(
            f"{path}: refused, it holds more than tensors, or is no file of torch. {SAVE}"
        ) from error


def _rename(encoder: nn.Module, state: StateDict, source: str) -> StateDict:
    """`state` with the names that its tensors have in `encoder`, without a classification head."""
    of_timm = isinstance(encoder, TimmUniversalEncoder | PlainTransformer)
    if of_timm and not encoder.state_dict().keys() & state.keys():
        return _from_timm(encoder, state, source)
    return {key: value for key, value in state.items() if not key.startswith(HEADS)}


def _from_timm(encoder: nn.Module, state: StateDict, source: str) -> StateDict:
    """The tensors of a checkpoint of timm's classifier with the names that its features have in `encoder`.

    What the classifier has besides the features is left out; what it does not have stays as it is.

    Raises:
        WeightsError: timm does not know the network, or its conversion of older checkpoints fails.
    """
    name = str(encoder.name)
    try:
        with torch.device("meta"):
            model = timm.create_model(name)
        module = sys.modules[timm.models.model_entrypoint(name.partition(".")[0]).__module__]
        state = getattr(module, "checkpoint_filter_fn", lambda state, _model: state)(dict(state), model)
    except Exception as error:  # the conversions trust their input: any error may come
        raise WeightsError(f"{source}: timm cannot read it as {name}: {error!r}") from error
    classifier = model.state_dict().keys()
    features = {_flat(key): key for key in encoder.state_dict()}
    renamed = {key: value for key, value in state.items() if key not in classifier}
    for key in state.keys() & classifier:
        feature = next((features[p + _flat(key)] for p in WRAPPERS if p + _flat(key) in features), None)
        if feature is not None:
            renamed[feature] = state[key]
    return renamed


def _flat(key: str) -> str:
    """A name without its levels: timm's feature extractors flatten some, `stages.0` becomes `stages_0`."""
    return key.replace(".", "_")


def _misfits(encoder: nn.Module, state: StateDict) -> list[str]:
    expected = {key: tuple(tensor.shape) for key, tensor in encoder.state_dict().items()}
    # A counter that older checkpoints lack and that nothing here reads.
    needed = {key for key in expected if not key.endswith("num_batches_tracked")}
    problems = [f"{key} is missing" for key in sorted(needed - state.keys())]
    problems += [f"{key} is unknown" for key in sorted(state.keys() - expected.keys())]
    for key in sorted(needed & state.keys()):
        if expected[key] != state[key].shape:
            problems.append(f"{key} has shape {tuple(state[key].shape)}, expected {expected[key]}")
    return problems


def _reason(name: str, error: Exception) -> str:
    """Why an encoder cannot be made; of a name that nobody knows not the hundreds of others."""
    known = [*smp.encoders.encoders, *(f"tu-{other}" for other in timm.list_models())]
    if name in known or timm.is_model(name.removeprefix("tu-").partition(".")[0]):
        return str(error)
    near = get_close_matches(name, known, 3)
    question = f" Did you mean {' or '.join(near)}?" if near else ""
    return (
        f"expected one of segmentation-models-pytorch, or tu-NAME of timm, got none of that name.{question}"
    )


def missing_network(key: str = "classifier.weights") -> str | None:
    """Why pretrained weights cannot be downloaded and what to do with `key`; None where they can.

    It takes a second at most, where the download would try again for minutes. Proxies are left to decide.
    """
    proxied = any(os.environ.get(name) for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"))
    if proxied or os.environ.get("HF_HUB_OFFLINE"):
        return None
    host = urlparse(os.environ.get("HF_ENDPOINT", "https://huggingface.co")).hostname or "huggingface.co"
    try:
        socket.create_connection((host, 443), timeout=1).close()
    except OSError as error:
        return (
            f"weights: pretrained: {host} cannot be reached ({error}). `camseg weights fetch ENCODER` writes "
            f"them to a file on a machine with a network: set {key} in params.yaml to its path "
            "or to `none`. HF_HUB_OFFLINE=1 takes weights that were downloaded before"
        )
    return None
