"""How good the masks of a refiner are on a few training images: by corrected masks, or by their contrast."""

from collections.abc import Sequence
from functools import partial

import numpy as np

from pipeline import paths
from pipeline.base.parallel import in_blocks, parallel_map
from pipeline.base.spaced import spaced
from pipeline.data.images import ImageArray, Mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import has_mask, load_mask
from pipeline.evaluation.confusion import Counts, mean_iou, pseudo_mask_counts
from pipeline.evaluation.means import mean_present
from pipeline.masks.region_contrast import region_contrast
from pipeline.masks.threshold import upsample
from pipeline.workflows.pseudo_mask_blocks import MaskMaker, mask_maker
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob

COMPARED = 100  # images whose contrast is compared
FEW = 5  # corrected masks of each class that choose


def compared_samples(manifest: Manifest) -> list[Sample]:
    """Training images with labels, `COMPARED` at most, evenly spaced."""
    return spaced([sample for sample in manifest.split("train") if sample.labels], COMPARED)


def few_masks(manifest: Manifest) -> list[Sample]:
    """The corrected training images; none where a class is in fewer than `FEW` of them."""
    corrected = [sample for sample in manifest.split("train") if has_mask(paths.CORRECTED, sample)]
    labels = [label for sample in corrected for label in sample.labels]
    counts = np.bincount(np.array(labels, int), minlength=len(manifest.classes))
    return corrected if (counts >= FEW).all() else []


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


def _described(job: PseudoMaskJob) -> str:
    return f"compared: {job.params.refine}"


def _contrasts(job: PseudoMaskJob, samples: Sequence[Sample]) -> list[float]:
    maker = mask_maker(job)
    made = ((sample, *_made(maker, sample)) for sample in samples)
    if job.heat.threshold is not None:
        return [region_contrast(image, mask > 0) for _, image, mask in made]
    return [region_contrast(image, mask == i + 1) for sample, image, mask in made for i in sample.labels]


def _counts(job: PseudoMaskJob, labels: int, samples: Sequence[Sample]) -> Counts:
    maker = mask_maker(job)
    pairs = ((load_mask(paths.CORRECTED, sample), _made(maker, sample)[1]) for sample in samples)
    counts = [pseudo_mask_counts(corrected, mask, labels)[:, :labels] for corrected, mask in pairs]
    return np.asarray(np.sum(counts, axis=0))


def _made(maker: MaskMaker, sample: Sample) -> tuple[ImageArray, Mask]:
    """The image, and the mask that heat and refiner give, whether a person corrected it or not."""
    image = maker.job.manifest.image(sample)
    heatmaps = upsample(maker.heat.read(sample), (image.shape[0], image.shape[1]))
    return image, maker.refined(sample, image, heatmaps).refined
