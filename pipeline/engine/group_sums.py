"""Sums of tensors over the processes of a training, with the same bytes for any number of them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore

from pipeline.engine.processes import Group, peers_needed

LONGEST = timedelta(days=1)  # that a sum waits for a slow process; a launcher ends all where one has ended


@contextmanager
def connected(group: Group, device: torch.device) -> Iterator[None]:
    """Let the processes of `group` sum tensors on `device` in the body; one that is alone needs nothing."""
    if group.store is None:
        yield
        return
    backend, store = "nccl" if device.type == "cuda" else "gloo", PrefixStore(group.next_key(), group.store)
    with peers_needed():
        dist.init_process_group(backend, None, LONGEST, group.size, group.rank, store)
    yield
    dist.destroy_process_group()


def add_counts(counts: Tensor) -> Tensor:
    """The sum of whole numbers over the processes, in place."""
    if dist.is_initialized():
        with peers_needed():
            dist.all_reduce(counts)
    return counts


def add_in_tree(tensors: Sequence[Tensor]) -> None:
    """Make each tensor its sum over the processes, a power of two: neighbours are added, then their pairs.

    Which of two numbers comes first does not change their sum, so all processes have the same bytes.
    """
    distance, size = 1, dist.get_world_size() if dist.is_initialized() else 1
    while distance < size:
        mine = torch.cat([tensor.reshape(-1) for tensor in tensors])
        theirs = _exchanged(mine, dist.get_rank() ^ distance)
        others = torch.split(theirs, [tensor.numel() for tensor in tensors])
        for tensor, other in zip(tensors, others, strict=True):
            tensor.add_(other.view(tensor.shape))
        distance *= 2


def _exchanged(mine: Tensor, rank: int) -> Tensor:
    """What the process `rank` has in the place of `mine`."""
    theirs = torch.empty_like(mine)
    with peers_needed():
        sent, received = dist.P2POp(dist.isend, mine, rank), dist.P2POp(dist.irecv, theirs, rank)
        for request in dist.batch_isend_irecv([sent, received]):
            request.wait()
    return theirs
