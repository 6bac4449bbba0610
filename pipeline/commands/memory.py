"""Warns before the processes that decode images need more memory than is free."""

import os
from pathlib import Path

from pipeline.data.images import ImageError, pixel_bytes, pixel_count
from pipeline.data.sources.listing import images_below

LARGEST = 32  # files whose size in pixels is read
DECODED_BYTES = 10  # per pixel of 8-bit colours, while an image is decoded and turned and its mask is read
MAPPED_BYTES, COPIES = 8, 2  # of other values: the image and its mask, and the values as stored and as sorted
MEMINFO, LIMIT = Path("/proc/meminfo"), Path("/sys/fs/cgroup/memory.max")  # Linux; a container's limit


def memory_warning(folder: Path, workers: int, max_megapixels: float) -> str | None:
    """The warning and its remedy; None if `workers` processes can decode the largest images of `folder`."""
    files = [folder / name for name in images_below(folder, [])]
    largest = sorted(files, key=lambda file: file.stat().st_size if file.exists() else 0)[-LARGEST:]
    costs = [(megapixels * decoded, megapixels) for megapixels, decoded in map(_cost, largest)]
    cost, megapixels = max(((c, m) for c, m in costs if m <= max_megapixels), default=(0.0, 0.0))
    need, free = cost * 1e6, free_memory()
    processes = min(workers, len(files))
    if processes * need <= free:
        return None
    return (
        f"{folder}: {processes} processes that each decode an image of {megapixels:.0f} megapixels need "
        f"{processes * need / 1e9:.1f} GB of memory, and {free / 1e9:.1f} GB are free. "
        f"Set CAMSEG_WORKERS={max(1, int(free / need))}, here and for `camseg run`"
    )


def free_memory() -> float:
    """Bytes that processes can still take, at most."""
    limits = [float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))]
    if MEMINFO.exists():
        values = dict(line.split(":") for line in MEMINFO.read_text().splitlines())
        limits.append(1024 * float(values["MemAvailable"].split()[0]))
    if LIMIT.exists() and (text := LIMIT.read_text().strip()).isdecimal():  # else `max`: none
        limits.append(float(text))
    return min(limits)


def _cost(file: Path) -> tuple[float, float]:
    """Megapixels of an image, and bytes of memory for each pixel."""
    try:
        pixels, stored = pixel_count(file), pixel_bytes(file)
    except (ImageError, OSError):  # the inspection names it
        return 0, 0
    return pixels / 1e6, MAPPED_BYTES + COPIES * stored if stored != 3 else DECODED_BYTES
