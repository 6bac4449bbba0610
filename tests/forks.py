"""Forks of this process for tests, which have all that it has loaded: a group of them, or one alone."""

import multiprocessing
import traceback
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from torch.distributed import FileStore

from pipeline.engine import processes
from pipeline.engine.processes import Group

FORKS = "ignore:.*fork.*:DeprecationWarning"  # of newer pythons, for processes that have threads
LIMIT = 60.0  # seconds


def in_group(size: int, work: Callable[[], Any]) -> list[Any]:
    """What `work` returns in each process of a group, or the name of what it raises and the message.

    None stands for a process that was killed, or that `Group.keep` has ended.
    """
    forks = multiprocessing.get_context("fork")
    with TemporaryDirectory() as folder:
        pipes = [forks.Pipe(duplex=False) for _ in range(size)]
        members = [
            forks.Process(target=_run, args=(rank, size, str(Path(folder) / "store"), work, pipes[rank][1]))
            for rank in range(size)
        ]
        for member in members:
            member.start()
        for _, sender in pipes:
            sender.close()
        results = [_received(receiver) for receiver, _ in pipes]
        for member in members:
            member.join(LIMIT)
    return results


def in_fork(work: Callable[[], Any]) -> Any:
    """What `work` returns or raises in a fork of this process.

    For torch.export: it starts threads of autograd, and no later fork of its process can compute gradients.
    """
    forks = multiprocessing.get_context("fork")
    receiver, sender = forks.Pipe(duplex=False)
    member = forks.Process(target=_send, args=(work, sender))
    member.start()
    sender.close()
    result, error = receiver.recv()
    member.join()
    if error:
        raise error
    return result


def _send(work: Callable[[], Any], sender: Any) -> None:
    try:
        sender.send((work(), None))
    except Exception as error:
        sender.send((None, error))


def _run(rank: int, size: int, store: str, work: Callable[[], Any], sender: Any) -> None:
    processes._joined = Group(rank, size, FileStore(store, size))
    processes.PATIENCE = 0
    try:
        sender.send(work())
    except Exception as error:
        traceback.print_exc()
        sender.send((type(error).__name__, str(error)))


def _received(receiver: Any) -> Any:
    try:
        return receiver.recv() if receiver.poll(LIMIT) else "too slow"
    except EOFError:
        return None
