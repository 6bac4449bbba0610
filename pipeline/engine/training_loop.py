"""The one training loop."""

import io
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from pipeline.base.files import write_bytes, write_csv
from pipeline.data.training_examples import TrainingStream, derive_seed
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.engine.example_loader import load_shards
from pipeline.engine.group_sums import connected
from pipeline.engine.processes import group
from pipeline.engine.shards import Objective, batch_loss
from pipeline.errors import UserError
from pipeline.params import TrainingParams

RECORD_STEPS = 10  # steps that one row of the curve averages over
SCORES = 20  # rows of the curve with scores of held-out images, about
CHECKPOINT_SECONDS = 300.0  # most between two checkpoints, however long a step takes

COLUMNS = ("step", "loss", "lr")

Record = dict[str, float]  # COLUMNS, in some rows scores too
ScoreHeldOut = Callable[[], Record]  # scores of the network as it is


@dataclass
class Progress:
    """How far a training has come, besides its tensors."""

    step: int = 0  # steps that are done
    curve: list[Record] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)  # of the steps since the last row of the curve


def fit(
    objective: Objective,
    stream: TrainingStream,
    params: TrainingParams,
    *,
    pretrained: list[nn.Parameter],
    checkpoint: Path,
    description: str,
    score: ScoreHeldOut | None = None,
) -> list[Record]:
    """Train `objective` in place for `params.steps` steps and return its curve.

    Goes on from `checkpoint` where that exists: on a CPU with the bytes that an uninterrupted run would have
    given, on a GPU as far as its kernels are deterministic, see `seed_everything`. The processes of the group
    share the shards of each batch. Those for which there are no shards end here.

    Args:
        objective: its targets are a tuple where those of `stream` are. Called under `autocast`.
        pretrained: parameters that learn at `params.pretrained_lr_factor` times the rate of the others.
        score: is called by the first process about `SCORES` times and at the end, and changes no result.

    Raises:
        UserError: the loss is not finite, looked at every 10 steps; or an image or a mask cannot be read.
    """
    own, device = own_shards(params, description), pick_device()
    to_channels_last(objective, device).train()
    optimizer = make_optimizer(objective, params, pretrained)
    done = _resume(checkpoint, device, objective, optimizer)
    first, saved = group().rank == 0, monotonic()
    steps = load_shards(stream, params, done.step, own, device)
    bar = tqdm(steps, description, params.steps, initial=done.step, unit="step", disable=not first)
    with connected(group(), device):
        for step, shards in enumerate(bar, done.step):
            rate = set_learning_rate(optimizer, params, step)
            seeds = [derive_seed(stream.seed, params.steps, step, shard) for shard in own]
            done.losses.append(batch_loss(objective, shards, step, seeds, params.shards))
            nn.utils.clip_grad_norm_(objective.parameters(), params.clip_norm)
            optimizer.step()
            done.step = step + 1  # the loss is not looked at in each step: that would stop a GPU
            if done.step % RECORD_STEPS == 0 or done.step == params.steps:
                loss = _mean_loss(done, description, rate)
                done.curve.append({"step": done.step, "loss": loss, "lr": rate})
                if score is not None and first and is_scored(done.step, params.steps):
                    done.curve[-1] |= _scores(objective, score)
                bar.set_postfix(loss=f"{loss:.3f}")
                done.losses.clear()
            late = monotonic() > saved + CHECKPOINT_SECONDS
            if first and (done.step % params.checkpoint_steps == 0 or late):
                _mean_loss(done, description, rate)
                _save(checkpoint, objective, optimizer, done)
                saved = monotonic()
    return done.curve


def own_shards(params: TrainingParams, description: str) -> range:
    """The shards of each batch that this process trains on; it ends here where there are none.

    As many processes train as divide the shards.
    """
    processes, shards = group(), params.shards
    size = max(size for size in range(1, processes.size + 1) if shards % size == 0)
    if processes.size > 1:
        print(f"{description}: {size} of {processes.size} processes train (training.shards: {shards})")
    processes.keep(size)
    each = shards // size
    return range(processes.rank * each, (processes.rank + 1) * each)


def is_scored(step: int, steps: int) -> bool:
    """Whether held-out images are scored after `step`: at the end, and about `SCORES` times before."""
    between = RECORD_STEPS * max(1, round(steps / RECORD_STEPS / SCORES))
    return step == steps or step % between == 0


def write_curve(folder: Path, curve: Sequence[Record]) -> None:
    """Write `folder`/curve.csv: COLUMNS, then the scores of held-out images, if there are any."""
    scores = dict.fromkeys(name for row in curve for name in row if name not in COLUMNS)
    write_csv(folder / "curve.csv", (*COLUMNS, *scores), curve)


def learning_rate_factor(params: TrainingParams, step: int) -> float:
    """Share of the full learning rate at `step`: linear warm-up, then poly (arXiv:1606.00915, 4.1)."""
    warmup = min(1.0, (step + 1) / (params.warmup_steps + 1))
    return float(warmup * (1 - step / params.steps) ** params.poly_power)


def make_optimizer(
    net: nn.Module, params: TrainingParams, pretrained: list[nn.Parameter]
) -> torch.optim.Optimizer:
    """AdamW, or SGD with momentum 0.9, with groups of their own for pretrained parameters and for vectors.

    Vectors are biases and the scales of norms. They do not decay: a norm that is pulled towards 0 takes its
    signal away.
    """
    slow = {id(parameter) for parameter in pretrained}
    members: dict[tuple[bool, bool], list[nn.Parameter]] = defaultdict(list)
    for parameter in net.parameters():
        if parameter.requires_grad:
            members[id(parameter) in slow, parameter.ndim > 1].append(parameter)
    groups: list[dict[str, Any]] = [
        {
            "params": parameters,
            "factor": params.pretrained_lr_factor if is_slow else 1.0,
            "weight_decay": params.weight_decay if decays else 0.0,
        }
        for (is_slow, decays), parameters in members.items()
    ]
    if params.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=params.lr, momentum=0.9)
    return torch.optim.AdamW(groups, lr=params.lr, fused=True)


def set_learning_rate(optimizer: torch.optim.Optimizer, params: TrainingParams, step: int) -> float:
    """Set the rate of every group for `step`; returns that of untrained layers."""
    rate = params.lr * learning_rate_factor(params, step)
    for members in optimizer.param_groups:
        members["lr"] = rate * members["factor"]
    return rate


def freeze_batch_norm(module: nn.Module) -> None:
    """Keep all BatchNorm layers of `module` at their stored statistics and affine parameters."""
    for layer in module.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            layer.eval()
            layer.requires_grad_(False)


def _scores(objective: nn.Module, score: ScoreHeldOut) -> Record:
    """The scores that are numbers; each part of `objective` is put back into training or eval mode."""
    modes = [(part, part.training) for part in objective.modules()]
    scores = score()
    for part, mode in modes:
        part.training = mode
    return {name: value for name, value in scores.items() if not math.isnan(value)}


def _mean_loss(done: Progress, description: str, rate: float) -> float:
    """The mean of `done.losses`; NaN without any.

    Raises:
        UserError: one of them is not finite; the message names its step.
    """
    if not done.losses:
        return math.nan
    losses = torch.stack(done.losses)
    broken = (~losses.isfinite()).nonzero()
    if len(broken):
        first = int(broken[0])
        step = done.step - len(losses) + first + 1
        raise UserError(
            f"{description}: the loss is {losses[first].item()} at step {step} with learning rate {rate:.2g}"
            ". Lower training.lr or training.clip_norm in params.yaml, or raise training.warmup_steps."
        )
    return losses.mean().item()


def _save(path: Path, objective: nn.Module, optimizer: torch.optim.Optimizer, done: Progress) -> None:
    state = {
        "objective": objective.state_dict(),
        "optimizer": optimizer.state_dict(),
        "progress": asdict(done),
    }
    buffer = io.BytesIO()
    torch.save(state, buffer)
    write_bytes(path, buffer.getvalue())


def _resume(
    path: Path, device: torch.device, objective: nn.Module, optimizer: torch.optim.Optimizer
) -> Progress:
    if not path.exists():
        return Progress()
    state = torch.load(path, weights_only=True, map_location=device)
    objective.load_state_dict(state["objective"])
    optimizer.load_state_dict(state["optimizer"])
    return Progress(**state["progress"])
