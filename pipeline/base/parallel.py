"""The parallel map over processes, and reading ahead in a thread; neither changes results or their order."""

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import TypeVar

import cv2
from joblib import Parallel, cpu_count, delayed, parallel_config
from tqdm import tqdm

from pipeline.base.process import is_prepared, prepare_process
from pipeline.errors import UserError

T = TypeVar("T")
R = TypeVar("R")

WORKERS = "CAMSEG_WORKERS"
LOCAL = "LOCAL_WORLD_SIZE"  # launchers say so how many processes of a group are on this machine
BLOCK = 256  # items of a block, at most
FEW = 256  # items: no blocks of several images are among fewer
ENDED = "a worker process was ended, most likely by the system since the memory was full"
START_UP = 0.5  # seconds; about what processes take to start


def parallel_map(function: Callable[[T], R], items: Sequence[T], *, description: str) -> list[R]:
    """`[function(item) for item in items]`, computed by several processes under a progress bar.

    `CAMSEG_WORKERS` says how many, else the number of cores; 1: this process. This process also computes what
    takes no longer than to start the others. `function` has to be picklable: of a module, or a
    `functools.partial` of one. An exception that it raises reaches the caller unchanged and stops the map.
    """
    return list(parallel_stream(function, items, description=description))


def parallel_stream(
    function: Callable[[T], R], items: Sequence[T], *, description: str | None
) -> Iterator[R]:
    """`parallel_map` as a generator: each result in its turn, so that not all are held in memory.

    Without a description there is no bar.
    """
    hidden = True if description is None else None  # None: it hides itself where stderr is no terminal
    results = _results(function, items, worker_count())
    return iter(tqdm(results, total=len(items), desc=description, disable=hidden))


def in_blocks(items: Sequence[T]) -> list[Sequence[T]]:
    """`items` in blocks, the unit of work that is done and written as one.

    Each has 256 items at most; fewer, where there would be less than 256 blocks, so that all cores have work.
    The number of items alone decides.
    """
    return in_parts(items, min(BLOCK, max(1, len(items) // BLOCK)))


def in_parts(items: Sequence[T], length: int) -> list[Sequence[T]]:
    """`items` in parts of `length`, the last one maybe shorter."""
    return [items[start : start + length] for start in range(0, len(items), length)]


def read_ahead(read: Callable[[T], R], items: Iterable[T], ahead: int = 2) -> Iterator[R]:
    """`read(item)` for each of `items`, in their order; a thread has up to `ahead` of them ready.

    An exception that `read` raises reaches the caller unchanged, in its turn.
    """
    with ThreadPoolExecutor(1, "read_ahead") as reader:
        waiting: deque[Future[R]] = deque()
        for item in items:
            waiting.append(reader.submit(read, item))
            if len(waiting) > ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def worker_count() -> int:
    """Processes of the parallel map: `CAMSEG_WORKERS`, else one for each core of this process."""
    return process_count(WORKERS, default=own_cores(), least=1)


def own_cores() -> int:
    """The cores of this machine for each process of a group that is on it, at least one."""
    return max(1, int(cpu_count()) // process_count(LOCAL, default=1, least=1))


def write_behind(write: Callable[[T], object], items: Iterable[T]) -> None:
    """`write(item)` for each of `items`, in their order: a thread writes one while the next is made.

    An exception that `write` raises reaches the caller unchanged, after the next item.
    """
    for _ in read_ahead(write, items, ahead=1):
        pass


def process_count(variable: str, *, default: int, least: int) -> int:
    """The number of processes in an environment variable, `default` where it is not set or empty.

    Raises:
        UserError: it is no number of at least `least`.
    """
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal() or int(text) < least:
        raise UserError(f"{variable}: expected a whole number of at least {least}, got {text!r}")
    return int(text)


def _results(function: Callable[[T], R], items: Sequence[T], workers: int) -> Iterator[R]:
    """The results in their order; of few items, the first are computed here: quick maps start nothing."""
    done, began = 0, monotonic()
    while done < len(items) and (workers == 1 or (len(items) < FEW and monotonic() - began < START_UP)):
        yield _call(function, items[done])
        done += 1
    if done < len(items):
        yield from _by_processes(function, items[done:], min(workers, len(items) - done))


def _by_processes(function: Callable[[T], R], items: Sequence[T], workers: int) -> Iterator[R]:
    """The results; where the system ends a process, the rest is done with one item in work at a time.

    Raises:
        UserError: it ends that process too; the message names the item.
    """
    done = 0
    try:
        for result in _pooled(function, items, workers):
            yield result
            done += 1
        return
    except BrokenProcessPool:
        tqdm.write(f"{ENDED}. Going on with one at a time; {WORKERS} sets how many", file=sys.stderr)
    try:
        for result in _pooled(function, items[done:], workers, pre_dispatch=1, batch_size=1):
            yield result
            done += 1
    except BrokenProcessPool as error:
        raise UserError(f"{ENDED} or since it crashed. It worked on {items[done]!r:.300}") from error


def _pooled(function: Callable[[T], R], items: Sequence[T], workers: int, **options: int) -> Iterable[R]:
    # The processes are the parallelism: BLAS and OpenMP in each of them stay at one thread.
    with parallel_config(backend="loky", inner_max_num_threads=1):
        parallel = Parallel(n_jobs=workers, return_as="generator", **options)
    folder, prepared = Path.cwd(), is_prepared()
    results: Iterable[R] = parallel(delayed(_call_in)(folder, prepared, function, item) for item in items)
    return results


def _call_in(folder: Path, prepared: bool, function: Callable[[T], R], item: T) -> R:
    if prepared:  # as the caller is; a worker inherits the environment alone
        prepare_process()
    os.chdir(folder)  # workers are kept from map to map, and paths are relative to where the caller is now
    return _call(function, item)


def _call(function: Callable[[T], R], item: T) -> R:
    with _one_thread():
        return function(item)


@contextmanager
def _one_thread() -> Iterator[None]:
    """OpenCV and torch (where it is loaded) at one thread: sums depend on how threads share them out."""
    torch = sys.modules.get("torch")
    opencv_threads = cv2.getNumThreads()
    torch_threads = torch.get_num_threads() if torch else 1
    cv2.setNumThreads(1)
    if torch:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        cv2.setNumThreads(opencv_threads)
        if torch:
            torch.set_num_threads(torch_threads)
