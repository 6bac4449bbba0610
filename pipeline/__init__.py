"""camseg: segmentation from image-level labels."""

import os

# Before anything loads OpenMP. Threads that wait sleep: spinning ones take the cores from other processes.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# bfloat16 in the vector unit, not in the tile unit (AMX) of newer Intel processors: with the latter, heatmaps
# of the same network twice differed in a byte between runs; without it, none of 58 runs did.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
