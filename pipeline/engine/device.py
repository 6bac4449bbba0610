"""Where and in which precision networks run. Environment, never params: results are compared within one."""

import os
from contextlib import AbstractContextManager
from typing import TypeVar

import torch
from torch import Tensor, nn

from pipeline.errors import UserError

Net = TypeVar("Net", bound=nn.Module)

LOCAL_RANK = "LOCAL_RANK"  # launchers say so which of the processes on this machine one is
MAX_ISA = "ONEDNN_MAX_CPU_ISA"  # read by oneDNN when torch loads it


def pick_device() -> torch.device:
    """`CAMSEG_DEVICE` where it is set, else the GPU where there is one, else the CPU.

    Processes of a group that are on one machine take one GPU each.

    Raises:
        ValueError: `CAMSEG_DEVICE` is no device of this machine.
    """
    name = os.environ.get("CAMSEG_DEVICE", "cuda" if torch.cuda.is_available() else "cpu")
    if name == "cuda" and LOCAL_RANK in os.environ:
        name = f"cuda:{os.environ[LOCAL_RANK]}"
    try:
        torch.zeros(1, device=name)
    except (RuntimeError, AssertionError) as error:  # the latter of a torch that was built without it
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"CAMSEG_DEVICE: expected a device of this machine, got {name!r}: {reason}"
        ) from error
    return torch.device(name)


def has_fast_bfloat16(device: torch.device) -> bool:
    """Whether `device` multiplies matrices of bfloat16 in hardware that may be used: on x86, by AMX alone."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    capabilities = torch.cpu.get_capabilities()
    tiles = bool(capabilities.get("amx_bf16", False)) and "AMX" in os.environ.get(MAX_ISA, "AMX")
    return tiles or bool(capabilities.get("bf16", False))


def autocast(device: torch.device) -> AbstractContextManager[None]:
    """bfloat16 for matrix products and convolutions where that is fast, float32 otherwise."""
    return torch.autocast(device.type, torch.bfloat16, enabled=has_fast_bfloat16(device))


def to_channels_last(net: Net, device: torch.device) -> Net:
    """Move `net` to `device` in channels-last order, which convolutions there are fastest in."""
    net.to(device)
    return net.to(memory_format=torch.channels_last)


def to_device(images: Tensor, device: torch.device) -> Tensor:
    """Images (N, 3, H, W) on `device` in channels-last order."""
    return images.to(device, non_blocking=True).contiguous(memory_format=torch.channels_last)


def device_name(device: torch.device) -> str:
    """Device and precision in words, for the log."""
    return f"{device.type}, {'bfloat16' if has_fast_bfloat16(device) else 'float32'}"
