"""The `scenes` source: a rendered data set as image files, masks, and their manifest."""

import hashlib
from collections.abc import Sequence
from functools import partial
from itertools import chain
from pathlib import Path

import numpy as np

from pipeline.base.parallel import in_blocks, parallel_map
from pipeline.data.images import mask_png, write_image
from pipeline.data.manifest import Manifest, Sample, Split
from pipeline.data.mask_store import MaskWriter, mask_writer
from pipeline.params import ScenesParams
from pipeline.scenes.objects import CLASSES
from pipeline.scenes.render import render_scene


def write_scenes(root: Path, masks: Path, params: ScenesParams, seed: int) -> Manifest:
    """Render all scenes to `root`/images/NAME.png and their masks to `masks`; their manifest."""
    counts: dict[Split, int] = {"train": params.train, "val": params.val}
    numbers = [(split, index) for split, count in counts.items() for index in range(1, count + 1)]
    writer, blocks = mask_writer(masks, len(numbers)), list(enumerate(in_blocks(numbers)))
    write = partial(_write_scenes, root, writer, params, seed)
    samples = chain(*parallel_map(write, blocks, description="rendering scenes"))
    writer.finish()
    return Manifest(root.as_posix(), CLASSES, tuple(sorted(samples, key=lambda sample: sample.name)))


def _write_scenes(
    root: Path,
    writer: MaskWriter,
    params: ScenesParams,
    seed: int,
    block: tuple[int, Sequence[tuple[Split, int]]],
) -> list[Sample]:
    number, scenes = block
    written = [_write_scene(root, params, seed, split, index) for split, index in scenes]
    writer.write(number, {sample.name: png for sample, png in written})
    return [sample for sample, _ in written]


def _write_scene(
    root: Path, params: ScenesParams, seed: int, split: Split, index: int
) -> tuple[Sample, bytes]:
    """The sample of a scene whose image is written, and the PNG of its mask."""
    scene = render_scene(index, split, seed, params)
    name = f"{split}-{index:05d}"
    file = root / "images" / f"{name}.png"
    write_image(file, scene.image)
    sample = Sample(
        name=name,
        image=f"images/{name}.png",
        sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        height=scene.mask.shape[0],
        width=scene.mask.shape[1],
        labels=tuple(int(i) - 1 for i in np.unique(scene.mask) if 1 <= i <= len(CLASSES)),
        split=split,
        mask=True,
        score=True,
    )
    return sample, mask_png(scene.mask)
