"""Seconds of rows that take turns in one process."""

import time
from collections.abc import Callable
from statistics import median

import torch


def timed(rows: dict[str, Callable[[], object]], rounds: int, device: torch.device) -> dict[str, float]:
    """Median seconds of each row, in turns, after one warm-up each."""
    seconds: dict[str, list[float]] = {name: [] for name in rows}
    for turn in range(rounds + 1):
        for name, run in rows.items():
            taken = once(run, device)
            if turn:
                seconds[name].append(taken)
    return {name: median(values) for name, values in seconds.items()}


def once(run: Callable[[], object], device: torch.device) -> float:
    """Seconds of one call, the device's work included."""
    start = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - start
