"""What all stages share: a lock, plain messages for expected errors, and the seconds a stage took."""

import errno
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline import paths
from pipeline.base.files import write_json
from pipeline.base.lock import stage_lock
from pipeline.errors import UserError

ADVICE = "Lower batch_size in params.yaml, or let the CPU do the work: CAMSEG_DEVICE=cpu"  # memory is full
FULL = (errno.ENOSPC, errno.EDQUOT)
ROOM = "The disk is full. Make room and run the same command again: the stage goes on with what it has"


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Run the body as the stage `name`, e.g. `prepare` or `make_pseudo_masks@cam`; also a decorator.

    On success the seconds go to `reports/seconds/<name>.json`. A `UserError` or `OSError` is what a stage
    says about its input: its message and the line that raised it go to stderr, and the process ends with 1.
    So it does, with advice, when the disk or the memory of the device is full.
    Any other exception is a bug and keeps its traceback, a plain `ValueError` too.
    """
    _log(f"{name}: started")
    start = time.perf_counter()
    try:
        with stage_lock(name):
            yield
    except (UserError, OSError) as error:
        _log(f"{name}: failed: {error}")
        if isinstance(error, OSError) and error.errno in FULL:
            _log(f"  {ROOM}")
        where = traceback.extract_tb(error.__traceback__)[-1]
        _log(f"  raised in {where.filename}:{where.lineno}")
        raise SystemExit(1) from error
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
        _log(f"{name}: failed: {error}\n  {ADVICE}")
        raise SystemExit(1) from error
    seconds = round(time.perf_counter() - start, 1)
    write_json(paths.SECONDS / f"{name}.json", {"seconds": seconds})
    _log(f"{name}: done in {seconds} s")


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether it is torch's, of a device whose memory is full; by its text, so that torch is not loaded."""
    return "out of memory" in str(error)


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
