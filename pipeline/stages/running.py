"""How every stage runs: under a lock, with plain messages for expected errors, and timed."""

import errno
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipeline import paths
from pipeline.base.files import write_json
from pipeline.base.lock import stage_lock
from pipeline.errors import INTERRUPTED, UserError

ADVICE = "Lower batch_size in params.yaml, or let the CPU do the work: CAMSEG_DEVICE=cpu"  # memory is full
DISK_FULL = "The disk is full. Make room and run the same command again: the stage goes on with what it has"


def run_stage(name: str, main: Callable[..., None]) -> None:
    """Run `main` with the arguments of the command line as the stage `name`, or `name@ARGUMENT`."""
    arguments = sys.argv[1:]
    with stage("@".join([name, *arguments])):
        main(*arguments)


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Run the body as the stage `name`, e.g. `prepare` or `make_pseudo_masks@cam`.

    A stage that succeeds writes its seconds to `reports/seconds/NAME.json`. After a `UserError` or an
    `OSError`, the message and the line that raised it go to stderr, and the process ends with 1. A full disk
    or a full device memory ends the process in the same way, with advice. Ctrl-C ends it with 130.
    Any other exception is a bug and keeps its traceback, even a plain `ValueError`.
    """
    _log(f"{name}: started")
    start = time.perf_counter()
    try:
        with stage_lock(name):
            yield
        seconds = round(time.perf_counter() - start, 1)
        write_json(paths.SECONDS / f"{name}.json", {"seconds": seconds})
    except (UserError, OSError) as error:
        _log(f"{name}: failed: {error}")
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
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
    _log(f"{name}: done in {seconds} s")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether torch ran out of memory; told by the message, so that torch need not be loaded."""
    return "out of memory" in str(error)


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
