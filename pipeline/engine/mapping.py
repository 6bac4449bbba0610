"""The one way of images through a network: read ahead, in batches of one size, block after block.

A block is `BLOCK` samples that follow each other. Its batches depend on the block alone: not on what was done
before, not on threads, not on other blocks. So it does not matter who computes which block, or when.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, Generic, TypeVar

import torch
from torch import Tensor

from pipeline.base.files import read_json
from pipeline.base.parallel import in_parts, own_cores, read_ahead, write_behind
from pipeline.data.images import ImageArray
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.resize import image_tensor
from pipeline.engine.device import pick_device, to_device
from pipeline.engine.processes import Group, group
from pipeline.errors import UserError

BLOCK = 256  # images; an interruption loses at most the block that is computed and the one that is written
MOST = 16  # images of a batch; no network is faster with more of them
CPU_PIXELS, GPU_PIXELS = 2**20, 2**22  # of a batch, at most: larger ones take memory and save little time
READERS = 16  # threads that read images for a GPU

Mapped = TypeVar("Mapped")
Samples = Sequence[Sample]


@dataclass(frozen=True)
class Batch:
    """Images of one size, ready for a network."""

    samples: Samples
    views: list[Tensor]  # for each of `ImagePass.sides`: float32 (N, 3, h, w) in [0, 1], on the device
    images: list[ImageArray]  # as they were read, if `ImagePass.keep_images`; else empty


@dataclass(frozen=True)
class ImagePass(Generic[Mapped]):
    """One pass of a network over images: what is read, and what is computed of it."""

    description: str | None  # of the progress bar; None: there is none
    manifest: Manifest
    sides: Sequence[int]  # pixels: the longer side of each view that the network takes of an image
    batch_size: int
    compute: Callable[[Batch], Sequence[Mapped]]  # one result for each image of the batch
    keep_images: bool = False


def fitting_batch_size(sides: Sequence[int]) -> int:
    """Images of a batch at these sizes: enough for the full speed of the device.

    On a CPU too, an image takes less time in a batch than alone; the smaller it is, the more so.
    """
    pixels = CPU_PIXELS if pick_device().type == "cpu" else GPU_PIXELS
    return max(1, min(MOST, pixels // max(sides) ** 2))


def map_images(samples: Samples, work: ImagePass[Mapped]) -> list[Mapped]:
    """The result of each image, in the order of `samples`.

    Raises:
        UserError: an image cannot be read, or has another size than in the manifest; the message names it.
    """
    blocks = split_blocks(samples)
    with Group().bar(work.description, len(samples), 0, "image") as advance:
        computed = _computed(work, blocks, range(len(blocks)), advance)
        return [result for _, of_block in computed for result in of_block.values()]


def map_blocks(
    samples: Samples,
    work: ImagePass[Mapped],
    done: Callable[[int], bool],
    write: Callable[[int, dict[str, Mapped]], None],
) -> None:
    """`write(number, results)` for each block that is not `done(number)`, by all processes of the group.

    The results are by name of the sample, in the order of the block.
    `write` runs in a thread while the network computes the next block. It has to write what `done` looks for
    last. Errors as in `map_images` and those of `write`, and with other processes as in `share_out`.
    """
    blocks, processes = split_blocks(samples), group()
    todo = processes.by_first(lambda: [number for number in range(len(blocks)) if not done(number)])
    finished = len(samples) - sum(len(blocks[number]) for number in todo)
    with processes.bar(work.description, len(samples), finished, "image") as advance:

        def write_all(numbers: Sequence[int]) -> None:
            write_behind(lambda block: write(*block), _computed(work, blocks, numbers, advance))

        processes.share_out(todo, write_all, done, lambda number: block_name(number, blocks[number]))


def split_blocks(samples: Samples) -> list[Samples]:
    """The samples in blocks of `BLOCK`, in their order."""
    return in_parts(samples, BLOCK)


def block_name(number: int, block: Samples) -> str:
    """A block in words, for messages."""
    return f"block {number} ({block[0].name} to {block[-1].name})"


def block_file(folder: Path, number: int) -> Path:
    """The file of JSON for the results of a block, by name of the sample."""
    return folder / f"block-{number:05d}.json"


def read_block_files(folder: Path, samples: Samples) -> Iterator[Any]:
    """The result of each sample, in their order; those of one block at a time are in memory."""
    for number, block in enumerate(split_blocks(samples)):
        results = read_json(block_file(folder, number))
        yield from (results[sample.name] for sample in block)


def one_size_batches(block: Samples, batch_size: int) -> list[Samples]:
    """The block in batches of at most `batch_size` images of one size, in the order of their first images."""
    groups: dict[tuple[int, int], list[Sample]] = {}
    for sample in block:
        groups.setdefault((sample.height, sample.width), []).append(sample)
    batches = chain.from_iterable(in_parts(group, batch_size) for group in groups.values())
    position = {sample.name: number for number, sample in enumerate(block)}
    return sorted(batches, key=lambda batch: position[batch[0].name])


def reader_count(device: torch.device) -> int:
    """Threads that read images: one beside a network on the CPU, up to `READERS` for a GPU."""
    return 1 if device.type == "cpu" else min(READERS, own_cores())


def read_batches(work: ImagePass[Mapped], batches: Sequence[Samples]) -> Iterator[Batch]:
    """The batches, read by threads; at most three of them are in memory."""
    device = pick_device()
    with ThreadPoolExecutor(reader_count(device), "read_image") as pool:

        def read(samples: Samples) -> Batch:
            images, views = zip(*pool.map(partial(_read, work), samples), strict=True)
            on_device = [_stacked(of_side, device) for of_side in zip(*views, strict=True)]
            return Batch(samples, on_device, list(chain.from_iterable(images)))

        yield from read_ahead(read, batches)


def _computed(
    work: ImagePass[Mapped],
    blocks: Sequence[Samples],
    numbers: Sequence[int],
    advance: Callable[[int], object],
) -> Iterator[tuple[int, dict[str, Mapped]]]:
    """The number and the results of each of the numbered blocks; `advance` hears of each batch."""
    todo = {number: one_size_batches(blocks[number], work.batch_size) for number in numbers}
    ready = read_batches(work, list(chain.from_iterable(todo.values())))
    for number, batches in todo.items():
        results: dict[str, Mapped] = {}
        for batch in islice(ready, len(batches)):
            computed = work.compute(batch)
            results |= {s.name: r for s, r in zip(batch.samples, computed, strict=True)}
            advance(len(batch.samples))
        yield number, {sample.name: results[sample.name] for sample in blocks[number]}


def _read(work: ImagePass[Mapped], sample: Sample) -> tuple[list[ImageArray], list[Tensor]]:
    """The image, if it is kept, and its views on the CPU."""
    image = work.manifest.image(sample)
    if image.shape[:2] != (sample.height, sample.width):
        raise UserError(
            f"{work.manifest.root}/{sample.image}: expected {sample.height} x {sample.width} pixels, as "
            f"`prepare` found it, got {image.shape[0]} x {image.shape[1]}. Run `camseg run` again"
        )
    views = [image_tensor(image, side) for side in work.sides]
    return [image] if work.keep_images else [], views


def _stacked(tensors: Sequence[Tensor], device: torch.device) -> Tensor:
    stacked = torch.stack(list(tensors))
    return to_device(stacked.pin_memory() if device.type == "cuda" else stacked, device)
