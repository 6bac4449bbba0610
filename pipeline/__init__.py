"""camseg: segmentation from image-level labels."""

import ctypes
import os
import sys

# Before anything loads OpenMP. Threads that wait sleep: spinning ones take the cores from other processes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# Not the tile unit (AMX) of newer Intel processors: with it, heatmaps of the same network twice differed in a
# byte between runs; without it, none of 58 runs did.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")

# glibc gives large blocks back to the system when they are freed, and each page that is taken again costs a
# fault: up to a fifth of a forward pass. It is told to keep them.
if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
    M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h
    libc.mallopt(M_TRIM_THRESHOLD, -1)
    libc.mallopt(M_MMAP_MAX, 0)
