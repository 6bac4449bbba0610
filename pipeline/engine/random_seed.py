"""The random seed of initial weights, and GPU kernels that give the same bytes again."""

import os

import torch

from pipeline.engine.device import pick_device


def seed_everything(seed: int) -> None:
    """Make the initial weights of new layers depend on `seed` alone, and training on a GPU repeatable.

    On a CPU, the same processor, libraries and number of threads give the same bytes anyway. On a GPU, torch
    is asked for deterministic kernels; where it has none it warns and names the operation, as for the pooling
    of PSPNet and UPerNet.
    """
    torch.manual_seed(seed)
    if pick_device().type != "cuda":
        return
    # cuBLAS reads this when it is first used; by default it may split a sum over streams.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Only who reads memory before it is written needs it filled, and that costs a pass over each new tensor.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
