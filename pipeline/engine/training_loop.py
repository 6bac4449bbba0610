"""The one training loop."""

import io
import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import torch
from joblib import cpu_count
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset
from tqdm import tqdm

from pipeline.base.files import write_bytes
from pipeline.data.stream import Target, TrainingStream, derive_seed
from pipeline.engine.device import autocast, pick_device, place, to_device
from pipeline.errors import UserError
from pipeline.params import TrainingParams

RECORD_STEPS = 10  # steps that one row of the curve averages over

Record = dict[str, float]  # step, loss, lr
Net = TypeVar("Net", bound=nn.Module)
Objective = Callable[[Net, Tensor, Any, int], Tensor]  # (net, images, targets, step) -> float32 scalar


class TrainingError(UserError):
    """A training that cannot go on."""


def fit(
    net: Net,
    objective: Objective[Net],
    stream: TrainingStream,
    params: TrainingParams,
    *,
    pretrained: list[nn.Parameter],
    checkpoint: Path,
    description: str,
) -> list[Record]:
    """Train `net` in place for `params.steps` steps and return its curve.

    Goes on from `checkpoint` where that exists, with the bytes that an uninterrupted run would have given.

    Args:
        objective: the loss of a batch; it runs the network. Its targets are a tuple where those of `stream`
            are. Called under `autocast`. What it draws from torch's generator depends on the seed and the
            step alone.
        pretrained: parameters that learn at `params.pretrained_lr_factor` times the rate of the others.

    Raises:
        TrainingError: the loss is not finite.
    """
    device = pick_device()
    place(net, device).train()
    optimizer = make_optimizer(net, params, pretrained)
    start, curve, losses = _resume(checkpoint, device, net, optimizer)
    batches = _batches(stream, params, start, loader_count(device))
    bar = tqdm(batches, description, params.steps, initial=start, unit="step")
    for step, (images, targets) in enumerate(bar, start):
        rate = set_learning_rate(optimizer, params, step)
        torch.manual_seed(derive_seed(stream.seed, params.steps, step))  # dropout
        with autocast(device):
            value = objective(net, to_device(images, device), _moved(targets, device), step)
        _require_finite(value, description, step, rate)
        optimizer.zero_grad()
        value.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), params.clip_norm)
        optimizer.step()
        losses.append(value.detach())
        if (step + 1) % RECORD_STEPS == 0 or step + 1 == params.steps:
            curve.append({"step": step + 1, "loss": torch.stack(losses).mean().item(), "lr": rate})
            bar.set_postfix(loss=f"{curve[-1]['loss']:.3f}")
            losses.clear()
        if (step + 1) % params.checkpoint_steps == 0:
            _save(checkpoint, net, optimizer, step + 1, curve, losses)
    return curve


def learning_rate_factor(params: TrainingParams, step: int) -> float:
    """Share of the full learning rate at `step`: linear warm-up, then poly (arXiv:1606.00915, 4.1)."""
    warmup = min(1.0, (step + 1) / (params.warmup_steps + 1))
    return float(warmup * (1 - step / params.steps) ** params.poly_power)


def make_optimizer(
    net: nn.Module, params: TrainingParams, pretrained: list[nn.Parameter]
) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum 0.9, with a group of its own for pretrained parameters."""
    slow = {id(parameter) for parameter in pretrained}
    trained = [parameter for parameter in net.parameters() if parameter.requires_grad]
    groups = [
        {"params": [p for p in trained if id(p) not in slow], "factor": 1.0},
        {"params": [p for p in trained if id(p) in slow], "factor": params.pretrained_lr_factor},
    ]
    groups = [group for group in groups if group["params"]]
    if params.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=params.lr, momentum=0.9, weight_decay=params.weight_decay)
    return torch.optim.AdamW(groups, lr=params.lr, weight_decay=params.weight_decay, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, params: TrainingParams, step: int) -> float:
    """Set the rate of every group for `step`; returns that of untrained layers."""
    rate = params.lr * learning_rate_factor(params, step)
    for group in optimizer.param_groups:
        group["lr"] = rate * group["factor"]
    return rate


def freeze_batch_norm(module: nn.Module) -> None:
    """Keep all BatchNorm layers of `module` at their stored statistics and affine parameters."""
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.eval()
            layer.requires_grad_(False)


def loader_count(device: torch.device) -> int:
    """Processes that load pictures: `CAMSEG_LOADERS`, else two beside a network on the CPU, 16 for a GPU."""
    most = 2 if device.type == "cpu" else 16
    return int(os.environ.get("CAMSEG_LOADERS", min(most, cpu_count())))


def _batches(
    stream: TrainingStream, params: TrainingParams, start: int, loaders: int
) -> Iterator[tuple[Tensor, Target]]:
    rest = Subset(stream, range(start * params.batch_size, len(stream)))
    return iter(DataLoader(rest, params.batch_size, num_workers=loaders))


def _moved(targets: Target, device: torch.device) -> Target:
    # DataLoader makes a list of a tuple.
    return targets.to(device) if isinstance(targets, Tensor) else tuple(t.to(device) for t in targets)


def _require_finite(value: Tensor, description: str, step: int, rate: float) -> None:
    if not math.isfinite(value.item()):
        raise TrainingError(
            f"{description}: the loss is {value.item()} at step {step + 1} with learning rate {rate:.2g}. "
            "Lower training.lr or training.clip_norm in params.yaml, or raise training.warmup_steps."
        )


def _save(
    path: Path,
    net: nn.Module,
    optimizer: torch.optim.Optimizer,
    step: int,
    curve: list[Record],
    losses: list[Tensor],
) -> None:
    state: dict[str, Any] = {
        "net": net.state_dict(),
        "optimizer": optimizer.state_dict(),
        "step": step,
        "curve": curve,
        "losses": losses,
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def _resume(
    path: Path, device: torch.device, net: nn.Module, optimizer: torch.optim.Optimizer
) -> tuple[int, list[Record], list[Tensor]]:
    if not path.exists():
        return 0, [], []
    state = torch.load(path, weights_only=True, map_location=device)
    net.load_state_dict(state["net"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"]), list(state["curve"]), list(state["losses"])
