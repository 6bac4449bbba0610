"""Seeds for what is drawn outside the training stream: initial weights."""

import torch


def seed_everything(seed: int) -> None:
    """Make the initial weights of new layers depend on `seed` alone, and GPU kernels deterministic."""
    torch.manual_seed(seed)
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
