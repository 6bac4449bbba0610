"""CPU time per image of the bookkeeping, for few images and for many: a million must not cost more each.

    python -m benchmarks.scale [--few 1000] [--many 50000] [--manifest 1000000] [--out scale.json]

Prints a table, writes JSON. The data are made up, and lie in a folder that is removed afterwards: no image is
needed. The manifest is also measured at its own size, with the memory that it takes.
"""

import argparse
import json
import platform
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import numpy as np

from pipeline.base.files import recreate_dir, write_json
from pipeline.base.parallel import in_blocks
from pipeline.data.duplicates import SIDE, look_alikes
from pipeline.data.images import mask_png
from pipeline.data.manifest import Manifest, Sample, Split, read_manifest, write_manifest
from pipeline.data.mask_store import load_mask, mask_writer
from pipeline.data.training_examples import epoch_order
from pipeline.heatmaps.store import HeatmapStore, write_index, write_shard

HEIGHT, WIDTH = 60, 80  # of the masks: small, since decoding is not what is measured
HEAT = (2, 30, 40)
SHARD = 128  # images of a shard of heatmaps
COPIES = 100  # one image in so many is a copy of another one

Work = Callable[[int, Path], None]  # with so many images, in an empty folder


def main() -> None:
    """Measure everything, print and write."""
    parser = argparse.ArgumentParser("benchmarks.scale", description=__doc__.splitlines()[0])
    parser.add_argument("--few", type=int, default=1000, help="images")
    parser.add_argument("--many", type=int, default=50_000, help="images")
    parser.add_argument("--manifest", type=int, default=10**6, help="samples of the large manifest")
    parser.add_argument("--out", type=Path, default=Path("reports/benchmarks/scale.json"))
    given = parser.parse_args()
    rows = []
    print(
        f"{'':24} {f'{given.few} images':>16} {f'{given.many} images':>16} {'times':>6}   microseconds each"
    )
    with tempfile.TemporaryDirectory() as folder:
        for name, work in WORKS.items():
            few, many = (measured(work, count, Path(folder)) for count in (given.few, given.many))
            rows.append({"what": name, "few": few, "many": many, "times": many / few})
            print(f"{name:24} {few:9.1f} {many:9.1f} {many / few:13.2f}", flush=True)
        manifest = measured_manifest(given.manifest, Path(folder))
    print(json.dumps(manifest))
    machine = f"{platform.machine()}, {platform.platform()}"
    counts = {"few": given.few, "many": given.many}
    write_json(given.out, {"machine": machine, "images": counts, "rows": rows, "manifest": manifest})


def measured(work: Work, count: int, folder: Path) -> float:
    """CPU microseconds per image; few images are done again and again, and the median counts."""
    taken = []
    for _ in range(3 if count < 10_000 else 1):
        recreate_dir(folder / "work")
        start = time.process_time()
        work(count, folder / "work")
        taken.append(time.process_time() - start)
    return float(np.median(taken)) / count * 1e6


def example_order(count: int, _folder: Path) -> None:
    """Which image each example of an epoch shows."""
    for index in range(count):
        epoch_order(count, 0, count)[index]


def heatmap_store(count: int, folder: Path) -> None:
    """Write heatmaps in shards and read them one by one, in blocks as the masks are made."""
    heat = np.random.default_rng(0).integers(0, 256, HEAT, np.uint8)
    entries = samples(count)
    blocks = [entries[start : start + SHARD] for start in range(0, count, SHARD)]
    for number, block in enumerate(blocks):
        write_shard(folder, number, {sample.name: heat for sample in block})
    write_index(folder, [[sample.name for sample in block] for block in blocks])
    for block in blocks:
        store = HeatmapStore(folder)
        for sample in block:
            store.read(sample)


def mask_store(count: int, folder: Path) -> None:
    """Write masks and read them one by one, in the order of an epoch."""
    png, entries = mask_png(np.zeros((HEIGHT, WIDTH), np.uint8)), samples(count)
    writer = mask_writer(folder, count)
    for number, block in enumerate(in_blocks(entries)):
        writer.write(number, {sample.name: png for sample in block})
    writer.finish()
    for index in epoch_order(0, 0, count):
        load_mask(folder, entries[index])


def duplicates(count: int, _folder: Path) -> None:
    """Find the copies among images."""
    values = np.random.default_rng(0).integers(0, 2**64, count, np.uint64)
    values[::COPIES] = values[1::COPIES][: len(values[::COPIES])]
    small = bytes(SIDE * SIDE)
    for _ in look_alikes([int(value) for value in values], [small] * count):
        pass


def manifest_file(count: int, folder: Path) -> None:
    """Write a manifest and read it."""
    write_manifest(folder, made_up(count))
    read_manifest(folder)


def measured_manifest(count: int, folder: Path) -> dict[str, float]:
    """CPU microseconds and bytes per sample to read a manifest, and of its file."""
    write_manifest(folder, made_up(count))
    start = time.process_time()
    read_manifest(folder)
    seconds = time.process_time() - start
    tracemalloc.start()
    manifest = read_manifest(folder)
    kept, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    sizes = {"kept_bytes": kept, "peak_bytes": peak, "file_bytes": (folder / "manifest.json").stat().st_size}
    read = {"samples": len(manifest.samples), "read_microseconds": round(seconds / count * 1e6, 2)}
    return read | {key: round(size / count, 1) for key, size in sizes.items()}


def made_up(count: int) -> Manifest:
    """A manifest of images that do not exist."""
    return Manifest("data/raw", tuple(f"class {i}" for i in range(80)), tuple(samples(count)))


def samples(count: int) -> list[Sample]:
    """Entries of images that do not exist, with two labels each."""
    return [sample(number) for number in range(count)]


def sample(number: int) -> Sample:
    """One of them."""
    name, labels = f"folder-{number % 100:02d}/image-{number:07d}", (number % 40, 40 + number % 37)
    split: Split = "train" if number % 10 else "val"
    return Sample(name, f"images/{name}.jpg", f"{number:064x}", HEIGHT, WIDTH, labels, split, True, True)


WORKS: dict[str, Work] = {
    "order of examples": example_order,
    "heatmap store": heatmap_store,
    "mask store": mask_store,
    "near duplicates": duplicates,
    "manifest": manifest_file,
}

if __name__ == "__main__":
    main()
