"""Processes that share the work of a stage: one that is alone does all of it and waits for nobody.

`torchrun` or another launcher starts them, on one machine or on many, and each finds in its environment which
one it is. They see the same files. What a process makes of a block or of a shard does not depend on how many
there are, so neither do the results. They talk through the launcher's store of keys.
"""

import json
import os
import platform
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import TypeVar

import torch
from torch.distributed.distributed_c10d import Store
from torch.distributed.rendezvous import rendezvous
from tqdm import tqdm

from pipeline.base.process import end_with_parent
from pipeline.engine.device import device_name, pick_device
from pipeline.errors import INTERRUPTED, UserError, is_disk_full

T = TypeVar("T")

PATIENCE = 30.0  # seconds in which a launcher ends the other processes after one has failed
PAUSE = 0.2  # seconds between two looks at the store, at most
FAILED = "failed"  # key of the number of processes that have failed
LOST = (
    "the connection to another process of the group is lost, since it has ended. Run the same command again: "
    "the stage goes on with what it has"
)


class PeerLost(UserError):
    """Another process of the group has ended."""


class Group:
    """This process among those that share the work of a stage.

    All of them call `by_first`, `share_out`, `bar` and `next_key` in the same order.
    """

    def __init__(self, rank: int = 0, size: int = 1, store: Store | None = None) -> None:
        self.rank, self.size, self._given = rank, size, store
        self._numbers = count()

    @property
    def store(self) -> Store | None:
        """What the processes talk through; None for one that is alone."""
        return self._given if self.size > 1 else None

    def next_key(self) -> str:
        """A key of the store that no earlier call gave: the same in all processes."""
        return str(next(self._numbers))

    def by_first(self, function: Callable[[], T]) -> T:
        """What `function` returns in the first process, a value of JSON; the others wait for it."""
        if self.store is None:
            return function()
        key = self.next_key()
        if self.rank == 0:
            value = function()
            self.store.set(key, json.dumps(value))
            return value
        told: T = json.loads(_read(self.store, key))
        return told

    def share_out(
        self,
        numbers: Sequence[int],
        work: Callable[[Sequence[int]], None],
        is_done: Callable[[int], bool],
        named: Callable[[int], str],
    ) -> None:
        """Let each process do its share of the numbered blocks; all wait until each has done so.

        Args:
            numbers: of the blocks to do, the same in all processes.
            work: does blocks; the error that it raises is that of the first block that it has not done.
            is_done: whether a block is written.
            named: a block in words.

        Raises:
            UserError: in the first process, with the names of the blocks that could not be done; the others
                are done. A process that is alone raises the error of its first such block, at once.
            OSError: the disk is full; blocks that are not done stay so.
        """
        if self.store is None:
            return work(numbers)
        failures, todo = [], list(numbers[self.rank :: self.size])
        while todo:
            try:
                work(todo)
                break
            except (UserError, OSError) as error:
                if is_disk_full(error):  # no other block can be written either
                    raise
                failed = next((number for number in todo if not is_done(number)), todo[-1])
                failures.append(f"{named(failed)}: {error}")
                todo = [number for number in todo[todo.index(failed) + 1 :] if not is_done(number)]
        told = self._gather(failures)
        if told and self.rank == 0:
            raise UserError("\n  ".join(told))

    def keep(self, size: int) -> None:
        """End the processes from number `size` on: what follows is for the others alone."""
        if self.rank >= size:
            raise SystemExit(0)
        self.size = min(size, self.size)

    @contextmanager
    def bar(
        self, description: str | None, total: int, initial: int, unit: str
    ) -> Iterator[Callable[[int], object]]:
        """The bar of the work of all processes, shown by the first; yields what adds to it.

        Without a description there is no bar.
        """
        shows = self.rank == 0 and description is not None
        hidden = None if shows else True  # None: it hides itself where stderr is no terminal
        key, store = self.next_key(), self.store
        with tqdm(total=total, desc=description, initial=initial, unit=unit, disable=hidden) as shown:

            def advance(done: int) -> None:
                shown.update(done if store is None else initial + store.add(key, done) - shown.n)

            yield advance

    @contextmanager
    def one_failure(self) -> Iterator[None]:
        """Let one error out of the group: processes that fail later wait for the launcher to end them."""
        try:
            yield
        except SystemExit:
            raise
        except BaseException as error:
            if self.store is None or _is_first_failure(self.store, error):
                raise
            if isinstance(error, KeyboardInterrupt):
                raise SystemExit(INTERRUPTED) from None
            time.sleep(PATIENCE)
            if isinstance(error, PeerLost):
                raise
            raise SystemExit(1) from None

    def _gather(self, told: list[str]) -> list[str]:
        """What the processes tell, one after the other, once all have told it."""
        key, store = self.next_key(), self.store
        assert store is not None
        store.set(f"{key} {self.rank}", json.dumps(told))
        lists = [json.loads(_read(store, f"{key} {rank}")) for rank in range(self.size)]
        return [line for of_process in lists for line in of_process]


_joined = Group()


def group() -> Group:
    """The group of this process: the one that it joined, else itself alone."""
    return _joined


def join_group() -> None:
    """Join the group that `RANK`, `WORLD_SIZE`, `MASTER_ADDR` and `MASTER_PORT` name, as launchers set them.

    All but the first process are silent, and all end with the process that started them.

    Raises:
        UserError: this process would not compute what the first one would.
    """
    global _joined
    end_with_parent()
    store, rank, size = next(rendezvous("env://"))
    _joined = Group(rank, size, store)
    if rank > 0:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  # to the end of the process
        warnings.simplefilter("ignore")
    own = _kind()
    first = _joined.by_first(lambda: own)
    if own != first:
        raise UserError(
            f"process {rank} on {platform.node()}: expected {first}, as the first process has, got {own}. "
            "Results would depend on who computes what. Take machines of one kind, and set CAMSEG_THREADS"
        )


@contextmanager
def peers_needed() -> Iterator[None]:
    """Tell of a process that has ended; torch has no error of its own for it.

    Raises:
        PeerLost: instead of a `RuntimeError`.
    """
    try:
        yield
    except RuntimeError as error:
        raise PeerLost(LOST) from error


def _kind() -> str:
    """What the last digits of results depend on, in words."""
    device = pick_device()
    if device.type == "cuda":
        return f"torch {torch.__version__}, {device_name(device)}, {torch.cuda.get_device_name(device)}"
    processor = f"{platform.machine()} {torch.backends.cpu.get_cpu_capability()}"
    return f"torch {torch.__version__}, {device_name(device)}, {processor}, {torch.get_num_threads()} threads"


def _is_first_failure(store: Store, error: BaseException) -> bool:
    with peers_needed():
        return not isinstance(error, PeerLost) and store.add(FAILED, 1) == 1


def _read(store: Store, key: str) -> bytes:
    """The value of a key, once another process has set it."""
    pause = 0.001
    with peers_needed():
        while not store.check([key]):
            if store.check([FAILED]):
                raise PeerLost(LOST)
            time.sleep(pause)
            pause = min(2 * pause, PAUSE)
        return bytes(store.get(key))
