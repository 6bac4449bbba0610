"""How good the masks of a refiner are on a few training images: by corrected masks, contrast, size."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.base.parallel import in_blocks, parallel_map
from pipeline.base.spaced import spaced
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import load_mask
from pipeline.evaluation.confusion import Counts, mean_iou, pseudo_mask_counts
from pipeline.evaluation.means import mean_present
from pipeline.masks.region_contrast import region_contrast
from pipeline.masks.threshold import mask_at_threshold
from pipeline.workflows.pseudo_mask_blocks import mask_maker
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob

COMPARED = 100  # images whose contrast is compared


def compared_samples(manifest: Manifest) -> list[Sample]:
    """Training images with labels, `COMPARED` at most, evenly spaced."""
    return spaced([sample for sample in manifest.split("train") if sample.labels], COMPARED)


def mean_contrast(job: PseudoMaskJob, samples: Sequence[Sample]) -> float:
    """The mean `region_contrast` of the objects in the masks that a job makes; 0 where none has a contrast.

    In data without background each class is a region.
    """
    of_blocks = parallel_map(partial(_contrasts, job), in_blocks(samples), description=_described(job))
    mean = mean_present(np.array([contrast for of_block in of_blocks for contrast in of_block]))
    return 0.0 if np.isnan(mean) else mean


def corrected_miou(job: PseudoMaskJob, samples: Sequence[Sample], labels: int) -> float:
    """The mIoU of the masks that a job makes of corrected samples, against the corrected masks.

    Args:
        labels: L, the background counted.
    """
    count = partial(_counts, job, labels)
    return mean_iou(np.sum(parallel_map(count, in_blocks(samples), description=_described(job)), axis=0))


def kept_share(job: PseudoMaskJob, samples: Sequence[Sample]) -> float:
    """The pixels of objects in the masks that a job makes, divided by those of heat above the threshold."""
    of_blocks = parallel_map(partial(_kept, job), in_blocks(samples), description=_described(job))
    after, before = np.sum(of_blocks, axis=0)
    return float(after / max(before, 1))


def _described(job: PseudoMaskJob) -> str:
    return f"compared: {job.params.refine}"


def _contrasts(job: PseudoMaskJob, samples: Sequence[Sample]) -> list[float]:
    maker, contrasts = mask_maker(job), []
    for sample in samples:
        image, _, made = maker.pseudo_mask(sample)
        ids = [i + 1 for i in sample.labels]
        regions = [made.refined > 0] if job.heat.threshold is not None else [made.refined == i for i in ids]
        contrasts += [region_contrast(image, region) for region in regions]
    return contrasts


def _counts(job: PseudoMaskJob, labels: int, samples: Sequence[Sample]) -> Counts:
    maker, counts = mask_maker(job), np.zeros((labels, labels), np.int64)
    for sample in samples:
        made = maker.pseudo_mask(sample)[-1].refined
        counts += pseudo_mask_counts(load_mask(paths.CORRECTED, sample), made, labels)[:, :labels]
    return counts


def _kept(job: PseudoMaskJob, samples: Sequence[Sample]) -> NDArray[np.int64]:
    """Pixels of objects in the masks, and in the heat, int64 (2,)."""
    maker, kept = mask_maker(job), np.zeros(2, np.int64)
    for sample in samples:
        _, heatmaps, made = maker.pseudo_mask(sample)
        before = mask_at_threshold(heatmaps, np.array(sample.labels, int), job.heat.threshold)
        kept += np.count_nonzero([made.refined, before], axis=(1, 2))
    return kept
