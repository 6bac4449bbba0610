"""camseg: segmentation from image-level labels."""

import os

# Before anything loads OpenMP. One core is left to processes that decode: on two cores that leaves
# one thread, with which interrupted and repeated runs were seen to agree to the last bit. Threads that wait
# sleep, since spinning ones take the cores from other processes.
os.environ.setdefault("OMP_NUM_THREADS", str(max(1, (os.cpu_count() or 2) - 1)))
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# bfloat16 in the vector unit, not in the tile unit (AMX) of newer Intel processors: with the latter, heatmaps
# of the same network twice differed in a byte between runs; without it, none of 58 runs did.
os.environ.setdefault("ONEDNN_MAX_CPU_ISA", "AVX512_CORE_BF16")
