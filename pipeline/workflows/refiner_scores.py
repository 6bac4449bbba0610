"""How good the masks of a refiner are on a few training images: by corrected masks, contrast, size."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.base.parallel import in_blocks, parallel_map
from pipeline.base.spaced import spaced
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import load_mask
from pipeline.evaluation.confusion import Counts, mean_iou, pseudo_mask_counts
from pipeline.masks.region_contrast import region_contrast
from pipeline.masks.threshold import mask_at_threshold
from pipeline.workflows.pseudo_mask_blocks import mask_maker
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob

COMPARED = 100  # images whose contrast is compared


def compared_samples(manifest: Manifest) -> list[Sample]:
    """Training images with labels, `COMPARED` at most, evenly spaced."""
    return spaced([sample for sample in manifest.split("train") if sample.labels], COMPARED)


class Regions(NamedTuple):
    """What is known of masks without other masks."""

    contrast: float  # mean `region_contrast` of the objects; 0 of one that is lost or fills its image
    kept: float  # pixels of objects, divided by those of heat above the threshold


def measure_regions(job: PseudoMaskJob, samples: Sequence[Sample]) -> Regions:
    """The regions of the masks that a job makes; in data without background each class is a region."""
    parts = parallel_map(partial(_regions, job), in_blocks(samples), description=_described(job))
    contrasts = np.concatenate([contrasts for contrasts, _ in parts])
    after, before = np.sum([pixels for _, pixels in parts], axis=0)
    return Regions(float(np.nan_to_num(contrasts).mean()), float(after / max(before, 1)))


def corrected_miou(job: PseudoMaskJob, samples: Sequence[Sample], labels: int) -> float:
    """The mIoU of the masks that a job makes of corrected samples, against the corrected masks.

    Args:
        labels: L, the background counted.
    """
    count = partial(_counts, job, labels)
    return mean_iou(np.sum(parallel_map(count, in_blocks(samples), description=_described(job)), axis=0))


def _described(job: PseudoMaskJob) -> str:
    return f"compared: {job.params.refine}"


def _regions(job: PseudoMaskJob, samples: Sequence[Sample]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """The contrast of each region, and the pixels of objects in the masks and in the heat, int64 (2,)."""
    maker, contrasts, pixels = mask_maker(job), [], np.zeros(2, np.int64)
    for sample in samples:
        image, heatmaps, made = maker.pseudo_mask(sample)
        ids = [i + 1 for i in sample.labels]
        regions = [made.refined > 0] if job.heat.threshold is not None else [made.refined == i for i in ids]
        contrasts += [region_contrast(image, region) for region in regions]
        before = mask_at_threshold(heatmaps, np.array(sample.labels, int), job.heat.threshold)
        pixels += np.count_nonzero([made.refined, before], axis=(1, 2))
    return np.array(contrasts), pixels


def _counts(job: PseudoMaskJob, labels: int, samples: Sequence[Sample]) -> Counts:
    maker, counts = mask_maker(job), np.zeros((labels, labels), np.int64)
    for sample in samples:
        made = maker.pseudo_mask(sample)[-1].refined
        counts += pseudo_mask_counts(load_mask(paths.CORRECTED, sample), made, labels)[:, :labels]
    return counts
