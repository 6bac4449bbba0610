"""How busy a GPU is while something runs, and how much of its memory is taken: asked of `nvidia-smi`."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory

QUERY = ("--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits", "--loop-ms=250")


@dataclass(frozen=True)
class Usage:
    """What a GPU did, by samples of its driver."""

    busy: float  # mean share of the time in which a kernel ran, [0, 1]
    memory: int  # MiB, at most; those of all processes


@dataclass
class Watch:
    """The samples so far; `usage` is None where nothing could be measured."""

    usage: Usage | None = None


@contextmanager
def watched() -> Iterator[Watch]:
    """Sample the first visible GPU during the body; the result is there after it."""
    watch = Watch()
    if shutil.which("nvidia-smi") is None:
        yield watch
        return
    first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0]
    with TemporaryDirectory() as name, (Path(name) / "samples").open("w+") as samples:
        process = subprocess.Popen(
            ["nvidia-smi", f"--id={first}", *QUERY], stdout=samples, stderr=subprocess.DEVNULL
        )
        try:
            yield watch
        finally:
            process.terminate()
            process.wait()
        samples.seek(0)
        watch.usage = usage_of(samples.read())


def usage_of(text: str) -> Usage | None:
    """The usage by lines of `nvidia-smi`, as `37, 1024`; None without a line of two numbers."""
    rows = [[part.strip() for part in line.split(",")] for line in text.splitlines()]
    known = [(int(row[0]), int(row[1])) for row in rows if len(row) == 2 and all(map(str.isdecimal, row))]
    if not known:
        return None
    return Usage(mean(busy for busy, _ in known) / 100, max(memory for _, memory in known))
