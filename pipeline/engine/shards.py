"""A step of the training over a batch in equal shards, by one process or by several, with the same bytes.

Each shard has its own forward and backward pass, seed and BatchNorm statistics. Losses are sums, divided by
counts of the whole batch. Gradients and running statistics of the shards are added in a fixed binary tree.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from pipeline.data.training_examples import TrainingTarget
from pipeline.engine.device import autocast
from pipeline.engine.group_sums import add_counts, add_in_tree

Example = tuple[Tensor, TrainingTarget]  # images and targets of a shard


class Objective(nn.Module, ABC):
    """What a training makes small: a network and its loss on a shard of a batch.

    What it draws from torch's generator and which parameters it uses depend on the seed and the step alone.
    """

    def settle(self, shards: Sequence[Example], step: int) -> tuple[list[TrainingTarget], Tensor]:
        """The targets that the losses take, shard by shard, and the counts that divide them, int64 (n,).

        It is called once a step, before the losses of the shards. The counts are summed over all shards.
        Here: the targets as they are, and the number of images.
        """
        return [targets for _, targets in shards], torch.tensor([sum(len(images) for images, _ in shards)])

    @abstractmethod
    def forward(self, images: Tensor, targets: TrainingTarget, step: int, counts: Tensor) -> Tensor:
        """The sum of the losses of a shard, divided by counts of the batch: a float32 scalar."""


def batch_loss(
    objective: Objective, shards: Sequence[Example], step: int, seeds: Sequence[int], of_batch: int
) -> Tensor:
    """The loss of a batch, detached; leaves its gradients in the parameters.

    Args:
        shards: those of this process, on the device; in all processes, as many and a power of two.
        seeds: of the shards.
        of_batch: shards of the batch, those of other processes included.
    """
    device = shards[0][0].device
    with autocast(device):
        targets, counts = objective.settle(shards, step)
    counts = add_counts(counts.to(device, non_blocking=True))  # else each step waits for the one before
    running = _running_buffers(objective) if of_batch > 1 else []
    before = [buffer.clone() for buffer in running]

    def sums_of(shard: int) -> list[Tensor]:
        """Loss, statistics and gradients of a shard; it starts from the statistics before the step."""
        for buffer, start in zip(running, before, strict=True):
            buffer.copy_(start)
        objective.zero_grad()
        torch.manual_seed(seeds[shard])  # dropout
        with autocast(device):
            value: Tensor = objective(shards[shard][0], targets[shard], step, counts)
        value.backward()  # type: ignore[no-untyped-call]
        return [value.detach(), *(b.clone() for b in _floats(running)), *_gradients(objective)]

    loss, *rest = tree_sum(sums_of, range(len(shards)))
    add_in_tree([loss, *rest])
    statistics = _floats(running)
    for buffer, total in zip(statistics, rest, strict=False):
        buffer.copy_(total / of_batch)
    learnt = (parameter for parameter in objective.parameters() if parameter.grad is not None)
    for parameter, gradient in zip(learnt, rest[len(statistics) :], strict=True):
        parameter.grad = gradient
    return loss


def tree_sum(summand: Callable[[int], list[Tensor]], numbers: range) -> list[Tensor]:
    """The tensors of `summand(number)`, summed: those of half the numbers, plus those of the other half."""
    if len(numbers) == 1:
        return summand(numbers[0])
    half = len(numbers) // 2
    total = tree_sum(summand, numbers[:half])
    for tensor, other in zip(total, tree_sum(summand, numbers[half:]), strict=True):
        tensor.add_(other)
    return total


def _running_buffers(objective: nn.Module) -> list[Tensor]:
    """What passes change besides gradients: the buffers of all modules that train, as those of BatchNorm."""
    modules = (module for module in objective.modules() if module.training)
    return [buffer for module in modules for buffer in module.buffers(recurse=False)]


def _floats(buffers: Sequence[Tensor]) -> list[Tensor]:
    """Those that can be averaged; the others count passes."""
    return [buffer for buffer in buffers if buffer.is_floating_point()]


def _gradients(objective: nn.Module) -> list[Tensor]:
    return [parameter.grad for parameter in objective.parameters() if parameter.grad is not None]
