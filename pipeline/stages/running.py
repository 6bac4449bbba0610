"""How every stage runs: under a lock, with plain messages for errors, timed, by one process or several."""

import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline import paths
from pipeline.base.files import write_json
from pipeline.base.job_part import PART, job_part
from pipeline.base.lock import stage_lock
from pipeline.base.parallel import process_count
from pipeline.base.process import THREADS
from pipeline.errors import INTERRUPTED, UserError, is_disk_full
from pipeline.stages.launching import group_size, launch

ADVICE = "Lower batch_size in params.yaml, or let the CPU do the work: CAMSEG_DEVICE=cpu"  # memory is full
# Of the allocators of GPU and CPU, and of cuBLAS and cuDNN: CUBLAS_STATUS_ALLOC_FAILED.
OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "STATUS_ALLOC_FAILED")
DISK_FULL = "The disk is full. Make room and run the same command again: the stage goes on with what it has"


def run_stage(name: str, main: Callable[..., None], *, shared: bool = False, in_parts: bool = False) -> None:
    """Run `main` with the arguments of the command line as the stage `name`, or `name@ARGUMENT`.

    Args:
        shared: whether several processes share the work of the stage; else the first does all of it.
        in_parts: whether `main` knows `CAMSEG_PART`.
    """
    arguments = sys.argv[1:]
    with plain_errors(name):
        _check_environment(in_parts)
        if shared and (status := launch(name, arguments)) is not None:
            raise SystemExit(status)
    full_name = "@".join([name, *arguments])
    if group_size() == 1:
        with stage(full_name):
            main(*arguments)
    else:
        _run_in_group(full_name, lambda: main(*arguments), shared=shared)


def _run_in_group(name: str, main: Callable[[], None], *, shared: bool) -> None:
    """Run `main` as one of several processes: the first is the stage, and one of them tells of a failure."""
    from pipeline.engine.processes import group, join_group  # here, since it loads torch

    with plain_errors(name):
        join_group()
        if not shared:
            group().keep(1)
    with stage(name) if group().rank == 0 else plain_errors(name), group().one_failure():
        main()


def _check_environment(in_parts: bool) -> None:
    """Raise a `UserError` for variables that mean nothing."""
    process_count(THREADS, default=1, least=1)
    if job_part() is not None and not in_parts:
        raise UserError(f"{PART}: expected for stages that can be done in parts: make_pseudo_masks. Unset it")


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Run the body as the stage `name`, e.g. `prepare` or `make_pseudo_masks@cam`, with `plain_errors`.

    A stage that succeeds writes its seconds to `reports/seconds/NAME.json`; a part of one does not.
    """
    part = job_part()
    title = name if part is None else f"{name} part {part}"
    _log(f"{title}: started")
    start = time.perf_counter()
    with plain_errors(title):
        with stage_lock(title.replace("/", " of ")):
            yield
        seconds = round(time.perf_counter() - start, 1)
        if part is None:
            write_json(paths.SECONDS / f"{name}.json", {"seconds": seconds})
    _log(f"{title}: done in {seconds} s")


@contextmanager
def plain_errors(name: str) -> Iterator[None]:
    """End the process where the body fails; `name` is what failed.

    After a `UserError` or an `OSError`, the message and the line that raised it go to stderr, and the process
    ends with 1. A full disk or a full device memory ends the process in the same way, with advice. Ctrl-C
    ends it with 130. Any other exception is a bug and keeps its traceback, even a plain `ValueError`.
    """
    try:
        yield
    except (UserError, OSError) as error:
        _log(f"{name}: failed: {error}")
        if is_disk_full(error):
            _log(f"  {DISK_FULL}")
        frame = traceback.extract_tb(error.__traceback__)[-1]
        _log(f"  raised in {frame.filename}:{frame.lineno}")
        raise SystemExit(1) from error
    except KeyboardInterrupt as error:
        _log(f"{name}: interrupted. The next run goes on with what it has")
        raise SystemExit(INTERRUPTED) from error
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        _log(f"{name}: failed: {error}\n  {ADVICE}")
        raise SystemExit(1) from error


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch ran out of memory; told by the message, so that torch need not be loaded."""
    return any(words in str(error) for words in OUT_OF_MEMORY)


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
