"""Locks: one run of a stage at a time in a folder, one command at a time that writes a file or a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.base.work_folder import WORK
from pipeline.errors import UserError

WAIT = 10.0  # seconds; the loaders of a run that was killed end within 5, and hold its lock until then


@contextmanager
def stage_lock(stage: str) -> Iterator[None]:
    """Hold the lock of `stage`, e.g. `make_pseudo_masks@cam`; see `held_lock`."""
    with held_lock(WORK / stage, f"{stage} is already running in {Path.cwd()}"):
        yield


@contextmanager
def held_lock(file: Path, busy: str) -> Iterator[None]:
    """Hold `FILE.lock`; the system frees that of a process that dies.

    Args:
        busy: what it means that another process holds it.

    Raises:
        UserError: one does.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    owner = file.with_name(f"{file.name}.pid")
    lock = FileLock(file.with_name(f"{file.name}.lock"), timeout=WAIT)
    try:
        lock.acquire()
    except Timeout as error:
        raise UserError(f"{busy}, process {_read(owner)}. Wait for it, or stop it") from error
    try:
        owner.write_text(str(os.getpid()))
        yield
    finally:
        # Before the release: who waits for a file that is gone takes a new one.
        owner.unlink(missing_ok=True)
        Path(lock.lock_file).unlink(missing_ok=True)
        lock.release()


def _read(owner: Path) -> str:
    try:
        return owner.read_text() or "unknown"
    except OSError:
        return "unknown"
