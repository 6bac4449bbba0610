"""The `scenes` source: a rendered data set as image files, masks, and their manifest."""

import hashlib
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.base.parallel import parallel_map
from pipeline.data.images import write_image, write_mask
from pipeline.data.manifest import Manifest, Sample, Split, mask_path
from pipeline.params import ScenesParams
from pipeline.scenes.objects import CLASSES
from pipeline.scenes.render import render_scene


def write_scenes(root: Path, masks: Path, params: ScenesParams, seed: int) -> Manifest:
    """Render all scenes to `root`/images/NAME.png and their masks to `masks`/NAME.png; their manifest."""
    counts: dict[Split, int] = {"train": params.train, "val": params.val}
    numbers = [(split, index) for split, count in counts.items() for index in range(1, count + 1)]
    write = partial(_write_scene, root, masks, params, seed)
    samples = parallel_map(write, numbers, description="rendering scenes")
    return Manifest(root.as_posix(), CLASSES, tuple(sorted(samples, key=lambda sample: sample.name)))


def _write_scene(
    root: Path, masks: Path, params: ScenesParams, seed: int, number: tuple[Split, int]
) -> Sample:
    split, index = number
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
    write_mask(mask_path(masks, sample), scene.mask)
    return sample
