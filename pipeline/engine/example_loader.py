"""Shards of training examples, read by processes of their own."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, default_collate

from pipeline.base.parallel import own_cores, process_count
from pipeline.data.images import ImageError
from pipeline.data.training_examples import TrainingStream, TrainingTarget
from pipeline.engine.device import to_device
from pipeline.engine.shards import Example
from pipeline.errors import UserError
from pipeline.params import TrainingParams

LOADERS = "CAMSEG_LOADERS"

ENDED = (
    "a process that loads training images was ended, most likely by the system since the memory was full. "
    f"Set {LOADERS} to fewer, 0 for none, and run the same command again: the training goes on"
)

Unreadable = ImageError | OSError  # what is said of a file


def load_shards(
    stream: TrainingStream, params: TrainingParams, start: int, own: range, device: torch.device
) -> Iterator[list[Example]]:
    """The shards of each step from `start` on, on the device; of all shards of a batch those numbered `own`.

    Raises:
        UserError: an image or a mask cannot be read.
    """
    loader = DataLoader(
        _OwnExamples(stream, params, start, own),
        params.batch_size // params.shards,
        num_workers=loader_count(device),
        collate_fn=_collated,
        pin_memory=device.type == "cuda",  # so that copies to the GPU do not wait for each other
    )
    shards: list[Example] = []
    for shard in _loaded(loader):
        if isinstance(shard, Exception):
            raise shard
        images, targets = shard
        shards.append((to_device(images, device), _moved(targets, device)))
        if len(shards) == len(own):
            yield shards
            shards = []


def _loaded(loader: DataLoader[Any]) -> Iterator[Any]:
    """What the processes of `loader` make. Raises `UserError` where the system ends one of them."""
    try:
        yield from loader
    except (RuntimeError, ConnectionError, EOFError) as error:
        if isinstance(error, RuntimeError) and not str(error).startswith("DataLoader worker"):
            raise
        raise UserError(f"{ENDED}: {error}") from error


def loader_count(device: torch.device) -> int:
    """Processes that load images: `CAMSEG_LOADERS`, else two beside a network on the CPU, 16 for a GPU."""
    most = 2 if device.type == "cpu" else 16
    return process_count(LOADERS, default=min(most, own_cores()), least=0)


class _OwnExamples(Dataset[Example | Unreadable]):
    """The examples of some shards of each step; in the place of one that cannot be read, what is said of it.

    An exception in a loader's process would reach the user as its traceback, in the text of another one.
    """

    def __init__(self, stream: TrainingStream, params: TrainingParams, start: int, own: range) -> None:
        size = params.batch_size // params.shards
        self.stream, self.batch, self.each = stream, params.batch_size, len(own) * size  # of a step
        self.first = start * params.batch_size + own.start * size
        self.length = (params.steps - start) * self.each

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, index: int) -> Example | Unreadable:
        step, place = divmod(index, self.each)
        try:
            return self.stream[self.first + step * self.batch + place]
        except (ImageError, OSError) as error:
            return error


def _collated(examples: list[Example | Unreadable]) -> Any:
    """A batch, or the first error of its examples."""
    errors = (example for example in examples if isinstance(example, Exception))
    return next(errors, None) or default_collate(examples)


def _moved(targets: TrainingTarget, device: torch.device) -> TrainingTarget:
    # DataLoader makes a list of a tuple.
    if isinstance(targets, Tensor):
        return targets.to(device, non_blocking=True)
    return tuple(target.to(device, non_blocking=True) for target in targets)
