"""The `scenes` source: a rendered data set as image files, masks, and their manifest."""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from pipeline.base.parallel import parallel_map
from pipeline.data.images import write_image, write_mask
from pipeline.data.manifest import Manifest, Sample, Split, mask_path
from pipeline.params import ScenesParams
from pipeline.scenes.render import CLASSES, Scene, render_scene


@dataclass(frozen=True)
class Number:
    """Which scene."""

    split: Split
    index: int  # from 1

    @property
    def name(self) -> str:
        """The name of its sample, e.g. `train-00001`."""
        return f"{self.split}-{self.index:05d}"


def write_scenes(
    root: Path, masks: Path, params: ScenesParams, seed: int, workers: int | None = None
) -> Manifest:
    """Render all scenes to `root`/images/NAME.png and their masks to `masks`/NAME.png."""
    numbers = [Number("train", i + 1) for i in range(params.train)]
    numbers += [Number("val", i + 1) for i in range(params.val)]
    function = partial(_write_scene, root, masks, params, seed)
    samples = parallel_map(function, numbers, workers=workers, description="rendering scenes")
    return Manifest(root.as_posix(), tuple(CLASSES), tuple(sorted(samples, key=lambda sample: sample.name)))


def _write_scene(root: Path, masks: Path, params: ScenesParams, seed: int, number: Number) -> Sample:
    scene = render_scene(number.index, number.split, seed, params)
    file = root / "images" / f"{number.name}.png"
    write_image(file, scene.image)
    sample = _sample(number, scene, hashlib.sha256(file.read_bytes()).hexdigest())
    write_mask(mask_path(masks, sample), scene.mask)
    return sample


def _sample(number: Number, scene: Scene, sha256: str) -> Sample:
    ids = np.unique(scene.mask)
    return Sample(
        name=number.name,
        image=f"images/{number.name}.png",
        sha256=sha256,
        height=scene.mask.shape[0],
        width=scene.mask.shape[1],
        labels=tuple(int(i) - 1 for i in ids if 1 <= i <= len(CLASSES)),
        split=number.split,
        mask=True,
        score=True,
    )
