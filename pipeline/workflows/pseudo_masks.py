"""Masks of the training images from stored heatmaps, and the scores of those that nobody corrected."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from pipeline import paths
from pipeline.base.files import write_bytes, write_csv, write_json, write_lines
from pipeline.base.parallel import parallel_map
from pipeline.base.work_folder import publish
from pipeline.data.images import write_mask
from pipeline.data.manifest import Sample, mask_path
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.pseudo_masks import make_pseudo_mask
from pipeline.workflows.confidence import IMAGES
from pipeline.workflows.mask_quality import mask_quality, summarise_quality
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob
from pipeline.workflows.pseudo_mask_scores import ImageScores, write_mask_scores

COLUMNS = ("name", "confidence", "corrected", "miou_before", "miou_after")  # of `images.csv`


def make_masks(stage: str, target: str, job: PseudoMaskJob, samples: Sequence[Sample]) -> None:
    """Write `data/masks/TARGET` and `reports/pseudo_masks/TARGET`, then clear the work of `stage`."""
    corrected = [sample for sample in samples if mask_path(paths.CORRECTED, sample).exists()]
    uncorrected = [sample for sample in samples if not mask_path(paths.CORRECTED, sample).exists()]
    missing = [sample for sample in uncorrected if not has_masks(job, sample)]
    parallel_map(partial(write_pseudo_mask, job), missing, description=f"pseudo-masks ({target})")
    copy_corrected(job, corrected)
    quality = parallel_map(partial(mask_quality, job), uncorrected, description="confidence")
    folder = paths.REPORTS / "pseudo_masks" / target
    metrics, scores = write_mask_scores(job, [sample for sample in uncorrected if sample.score], folder)
    metrics |= {"corrected": len(corrected), "quality": summarise_quality(quality)}
    write_json(folder / "metrics.json", metrics)
    confidences = {s.name: q.confidence for s, q in zip(uncorrected, quality, strict=True)}
    write_csv(folder / IMAGES, COLUMNS, [image_row(s, confidences, scores) for s in samples])
    publish(stage, {job.work / "masks": paths.MASKS / target})


def has_masks(job: PseudoMaskJob, sample: Sample) -> bool:
    """Whether both masks of a sample are written; a run killed in `publish` leaves one of them."""
    return all(mask_path(job.work / folder, sample).exists() for folder in ("masks", "refined"))


def copy_corrected(job: PseudoMaskJob, corrected: Sequence[Sample]) -> None:
    """Copy the corrected masks, and list their names beside them."""
    for sample in corrected:
        content = mask_path(paths.CORRECTED, sample).read_bytes()
        write_bytes(mask_path(job.work / "masks", sample), content)
    write_lines(job.work / "masks" / paths.BY_HAND, [sample.name for sample in corrected])


def image_row(
    sample: Sample, confidences: Mapping[str, float], scores: Mapping[str, ImageScores]
) -> dict[str, object]:
    """The row of one image in `images.csv`; a mask without a computed confidence is a corrected one."""
    before, after = scores.get(sample.name, (None, None))
    return {
        "name": sample.name,
        "confidence": round(confidences.get(sample.name, 1.0), 6),
        "corrected": int(sample.name not in confidences),
        "miou_before": before,
        "miou_after": after,
    }


def write_pseudo_mask(job: PseudoMaskJob, sample: Sample) -> None:
    """Write the pseudo-mask of one image, and its refined mask without a band for the scores."""
    pseudo_mask = make_pseudo_mask(
        job.manifest.image(sample),
        HeatmapStore(job.heat.folder).read(sample),
        np.array(sample.labels, int),
        job.heat.threshold,
        job.params,
        job.heat.normalise,
    )
    write_mask(mask_path(job.work / "masks", sample), pseudo_mask.mask)
    write_mask(mask_path(job.work / "refined", sample), pseudo_mask.refined)
