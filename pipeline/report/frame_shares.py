"""How much of the frame masks give to each class: what a person can hold against what the images show."""

from pathlib import Path

import numpy as np

from pipeline.base.spaced import spaced
from pipeline.data.manifest import Manifest
from pipeline.data.mask_store import has_mask, load_mask
from pipeline.evaluation.marked_areas import mask_areas

MOST_MASKS = 500  # that are read


def frame_shares(manifest: Manifest, folder: Path) -> dict[str, float | None]:
    """By class: the mean share of the pixels that it has in the masks of training images with its label.

    None for a class that no image with a mask shows. Of more than `MOST_MASKS` images, some are read.
    """
    labelled = [s for s in manifest.split("train") if s.labels and has_mask(folder, s)]
    shares: list[list[float]] = [[] for _ in manifest.classes]
    for sample in spaced(labelled, MOST_MASKS):
        areas = mask_areas(load_mask(folder, sample), len(manifest.classes))
        for label in sample.labels:
            shares[label].append(float(areas[label]))
    means = (float(np.mean(values)) if values else None for values in shares)
    return dict(zip(manifest.classes, means, strict=True))
