"""`pseudo_masks.refine: pixels`: colours and textures of each class, learnt from masks of other images.

These are the masks that the heat and the CRF give. Learnt from the heat alone, the classifier takes what lies
around an object for a part of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from pipeline.base.files import write_npz
from pipeline.base.parallel import in_blocks, parallel_map
from pipeline.data.images import ImageArray, Mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine.processes import group
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.pixel_classifier import (
    PixelClassifier,
    PixelFeatures,
    pixel_features,
    train_pixel_classifier,
)
from pipeline.masks.pseudo_masks import make_pseudo_mask
from pipeline.masks.threshold import upsample
from pipeline.workflows.object_colours import FOLDS, fold
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob

IMAGES, PIXELS = 500, 500  # drawn at most, and of each of them
FILE = "pixels.npz"


@dataclass(frozen=True)
class LearntPixels:
    """What `learn_pixels` writes."""

    classifiers: Sequence[PixelClassifier]  # for the images of each fold

    @classmethod
    def read(cls, file: Path) -> Self:
        with np.load(file, allow_pickle=False) as arrays:
            read = dict(arrays)
        parts = [[read[f"{number}-{i}"] for i in range(len(read) // FOLDS)] for number in range(FOLDS)]
        return cls(
            [PixelClassifier(mean, std, taught, tuple(layers)) for mean, std, taught, *layers in parts]
        )

    def write(self, file: Path) -> None:
        """Write the classifiers, one array after another."""
        arrays: dict[str, NDArray[Any]] = {}
        for number, (mean, std, taught, layers) in enumerate(self.classifiers):
            arrays |= {f"{number}-{i}": array for i, array in enumerate((mean, std, taught, *layers))}
        write_npz(file, arrays)

    def tell(self, sample: Sample) -> bool:
        """Whether the classifier that did not see the sample saw pixels of all its labels."""
        taught = self.classifiers[fold(sample)].taught
        return bool(taught[[label + 1 for label in sample.labels]].all())

    def log_likelihoods(self, sample: Sample, image: ImageArray) -> NDArray[np.float32]:
        """Of each id at each pixel, (H * W, L), by the classifier that did not see the sample."""
        return self.classifiers[fold(sample)].log_likelihoods(pixel_features(image))


def learn_pixels(job: PseudoMaskJob, manifest: Manifest, seed: int) -> Path | None:
    """The file with the pixel classifiers, trained once for a work folder; without ground truth.

    None where one half of the data set has no image: then there are no other images to learn from.
    """
    samples = _drawn_samples(manifest)
    if len({fold(sample) for sample in samples}) < FOLDS:
        return None
    group().by_first(lambda: _write_pixels(job, len(manifest.classes) + 1, samples, seed))
    return job.work / FILE


def _write_pixels(job: PseudoMaskJob, labels: int, samples: Sequence[Sample], seed: int) -> None:
    file, folds = job.work / FILE, np.array([fold(sample) for sample in samples])
    if file.exists():
        return
    parts = parallel_map(partial(_draw, job, seed), in_blocks(samples), description="pixels")
    features, ids = map(np.concatenate, zip(*parts, strict=True))
    of_pixels = np.repeat(folds, [_count(sample) for sample in samples])
    classifiers = []
    for number in range(FOLDS):
        others = of_pixels != number
        classifiers.append(train_pixel_classifier(features[others], ids[others], labels, seed + number))
    LearntPixels(classifiers).write(file)


def _drawn_samples(manifest: Manifest) -> list[Sample]:
    """At most `IMAGES` training images, drawn by their names alone; without background those with labels."""
    usable = [sample for sample in manifest.split("train") if sample.labels or manifest.background]
    return sorted(usable, key=lambda sample: (crc32(sample.name.encode()), sample.name))[:IMAGES]


def _count(sample: Sample) -> int:
    """How many of its pixels are drawn."""
    return min(PIXELS, sample.height * sample.width)


def _draw(job: PseudoMaskJob, seed: int, samples: Sequence[Sample]) -> tuple[PixelFeatures, Mask]:
    """Features and ids of the drawn pixels of a block of images."""
    store = HeatmapStore(job.heat.folder)
    parts = [_draw_image(job, store, seed, sample) for sample in samples]
    features, ids = map(np.concatenate, zip(*parts, strict=True))
    return features, ids


def _draw_image(
    job: PseudoMaskJob, store: HeatmapStore, seed: int, sample: Sample
) -> tuple[PixelFeatures, Mask]:
    image, heat, classes = job.manifest.image(sample), job.heat, np.array(sample.labels, int)
    heatmaps = upsample(store.read(sample), (image.shape[0], image.shape[1]))
    made = make_pseudo_mask(image, heatmaps, classes, heat.threshold, job.params, heat.normalise, job.tiles)
    generator = np.random.default_rng([seed, crc32(sample.name.encode())])
    places = np.sort(generator.choice(made.refined.size, _count(sample), replace=False))
    return pixel_features(image)[places], made.refined.ravel()[places]
