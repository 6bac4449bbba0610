"""What stages and commands set in their own process; imported as a library, camseg changes nothing."""

import ctypes
import os
import signal
import sys
import warnings
from functools import cache

# loky replaces a worker that grew by 300 MB, as by loading torch after its first item. Nothing is lost.
REPLACED = "A worker stopped while some jobs were given to the executor"
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h
PR_SET_PDEATHSIG = 1  # of prctl.h
THREADS = "CAMSEG_THREADS"
LAUNCHER = "CAMSEG_LAUNCHER"  # set by camseg itself in processes that it starts: the number of its own


@cache
def prepare_process() -> None:
    """Set what makes runs fast and repeatable; to be called before anything loads OpenMP, as torch does."""
    # Threads that wait sleep: spinning ones take the cores from other processes.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if threads := os.environ.get(THREADS):
        os.environ["OMP_NUM_THREADS"] = threads
    # Not the tile unit (AMX) of newer Intel processors: with it, heatmaps of the same network twice differed
    # in a byte between runs; without it, none of 58 runs did.
    os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
    warnings.filterwarnings("ignore", message=REPLACED, category=UserWarning)
    _keep_memory()


def is_prepared() -> bool:
    """Whether `prepare_process` has run in this process."""
    return prepare_process.cache_info().currsize > 0


def end_with_parent() -> None:
    """Let the system kill this process when the one that started it ends: a killed launcher leaves nobody.

    A process whose launcher has ended before ends at once: it would wait for minutes for the others.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.environ.get(LAUNCHER, str(os.getppid())) != str(os.getppid()):
        raise SystemExit(1)


def _keep_memory() -> None:
    """Tell glibc to keep freed memory: a page taken anew costs a fault, up to a fifth of a forward pass."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_TRIM_THRESHOLD, -1)
        libc.mallopt(M_MMAP_MAX, 0)
