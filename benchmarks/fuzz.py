"""Broken and hostile files by the million: every reader ends in time, with records or with a plain error.

    python -m benchmarks.fuzz [--inputs 1000000] [--seed 0] [--seconds 10] [--memory 4] [--out fuzz]

An input is a file that a reader takes, with bytes put in, cut out, doubled or flipped, or a JSON file with
other values in it. Folders of labels go through `parse_source`, which lists problems. Files of images and
masks go through their readers, whose errors become problems too. A failure is any other exception, a reader
that takes longer than `--seconds`, or one that needs more than `--memory` GB. The file and the traceback of a
failure are written to `--out`. Ends with 1 if there is a failure.
"""

import argparse
import io
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import scipy.io
from numpy.random import Generator
from PIL import Image

from benchmarks.broken_files import break_bytes, break_json
from pipeline.base.files import write_text
from pipeline.base.parallel import parallel_stream
from pipeline.data.images import read_image
from pipeline.data.mask_values import read_raw_mask
from pipeline.data.sources.parse import parse_source
from pipeline.params import Source
from tests.data.test_fuzz import FOLDERS
from tests.image_folder import data_params

ERRORS = (ValueError, OSError, MemoryError)  # of a file: `decode_check` turns them into problems
BLOCK = 1000  # inputs that a process tries in one go


class TooSlowError(BaseException):
    """A reader that did not end in time."""


@dataclass(frozen=True)
class Kind:
    """One way to read files."""

    name: str
    make: Callable[[Path], object]  # what it reads, in an empty folder
    files: tuple[str, ...]  # of these, one is broken
    read: Callable[[Path], object]  # the folder
    errors: tuple[type[Exception], ...] = ()  # that become problems


@dataclass(frozen=True)
class Limits:
    """What a reader may take, and where failures go."""

    seconds: float
    out: Path


def main() -> None:
    """Try all kinds in turn, print how many inputs each had, and end with 1 if a reader failed."""
    parser = argparse.ArgumentParser("benchmarks.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--inputs", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=10, help="of CPU time that one input may take")
    parser.add_argument("--memory", type=float, default=4, help="GB of a process")
    parser.add_argument("--out", type=Path, default=Path("reports/benchmarks/fuzz"))
    given = parser.parse_args()
    limit = int(given.memory * 1e9)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))  # the processes inherit it
    blocks = -(-given.inputs // BLOCK)
    start, tried, failed = time.perf_counter(), Counter[str](), Counter[str]()
    work = partial(try_block, Limits(given.seconds, given.out), given.seed)
    for kind, failures in parallel_stream(work, range(blocks), description="fuzz"):
        tried[kind] += BLOCK
        failed[kind] += failures
    for kind, count in sorted(tried.items()):
        print(f"{kind:14} {count:9,} inputs, {failed[kind]} failure(s)")
    print(f"{sum(tried.values()):,} inputs in {time.perf_counter() - start:.0f} s")
    sys.exit(1 if failed.total() else 0)


def try_block(limits: Limits, seed: int, number: int) -> tuple[str, int]:
    """The kind of a block, and how many of its inputs fail."""
    kind, rng = KINDS[number % len(KINDS)], np.random.default_rng([seed, number])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        kind.make(folder)
        return kind.name, sum(fails(kind, folder, rng, limits) for _ in range(BLOCK))


def fails(kind: Kind, folder: Path, rng: Generator, limits: Limits) -> bool:
    """Whether the reader fails on one broken file, which is put right again."""
    file = folder / kind.files[int(rng.integers(len(kind.files)))]
    whole = file.read_bytes()
    broken = (
        break_json(whole, rng) if file.suffix == ".json" and rng.random() < 0.5 else break_bytes(whole, rng)
    )
    file.write_bytes(broken)
    try:
        with at_most(limits.seconds):
            kind.read(folder)
    except kind.errors:
        return False
    except BaseException:
        name = f"{kind.name}-{rng.integers(2**32):08x}"
        write_text(limits.out / f"{name}.txt", traceback.format_exc())
        shutil.copy(file, limits.out / f"{name}{file.suffix}")
        return True
    finally:
        file.write_bytes(whole)
    return False


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise `TooSlowError` in the block after so many seconds of CPU time."""

    def stop(_signal: int, _frame: FrameType | None) -> None:
        raise TooSlowError(f"not ended after {seconds} s")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def labels(source: Source) -> Kind:
    """A folder of labels."""
    make, files = FOLDERS[source]
    return Kind(source, make, files, lambda folder: parse_source(source, folder, data_params()))


def image(name: str, content: bytes) -> Kind:
    """A file of an image."""
    return Kind(
        f"image {name}",
        lambda f: (f / name).write_bytes(content),
        (name,),
        lambda f: read_image(f / name),
        ERRORS,
    )


def mask(name: str, content: bytes) -> Kind:
    """A file of a mask."""
    return Kind(
        f"mask {name}",
        lambda f: (f / name).write_bytes(content),
        (name,),
        lambda f: read_raw_mask(f / name, 1.0),
        ERRORS,
    )


def encoded(array: np.ndarray, kind: str, **options: Any) -> bytes:
    """An image file."""
    buffer = io.BytesIO()
    Image.fromarray(array).save(buffer, kind, **options)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    """A file of numpy."""
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def mat(array: np.ndarray) -> bytes:
    """A file of MATLAB, with the mask in a struct."""
    buffer = io.BytesIO()
    scipy.io.savemat(buffer, {"groundTruth": {"Segmentation": array}})
    return buffer.getvalue()


RGB = np.random.default_rng(0).integers(0, 256, (12, 16, 3)).astype(np.uint8)
GREY, DEEP = RGB[..., 0], RGB[..., 0].astype(np.uint16) * 16
KINDS = [
    *map(labels, FOLDERS),
    *(
        image(f"{kind}.{kind}".lower(), encoded(RGB, kind))
        for kind in ("PNG", "JPEG", "WEBP", "BMP", "TIFF", "GIF")
    ),
    image("deep.png", encoded(DEEP, "PNG")),
    image("deep.tif", encoded(DEEP, "TIFF", compression="tiff_lzw")),
    mask("grey.png", encoded(GREY % 3, "PNG")),
    mask("colour.png", encoded(RGB // 128 * 255, "PNG")),
    mask("mask.tif", encoded(DEEP % 5, "TIFF")),
    mask("mask.npy", npy(DEEP % 4)),
    mask("mask.mat", mat(GREY % 3)),
]


if __name__ == "__main__":
    main()
