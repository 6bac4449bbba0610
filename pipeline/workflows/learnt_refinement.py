"""What refinements learn from the heat of all training images, before the first mask is made."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from pipeline.base.files import read_json, write_json
from pipeline.base.parallel import in_blocks, parallel_map
from pipeline.base.spaced import spaced
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine.processes import group
from pipeline.masks.region_contrast import region_contrast
from pipeline.masks.threshold import upsample
from pipeline.params import PseudoMaskParams
from pipeline.workflows.learnt_pixels import learn_pixels
from pipeline.workflows.object_colours import learn_colours
from pipeline.workflows.pseudo_mask_blocks import mask_maker
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob

COMPARED = 100  # images whose masks are compared for `refine: auto`
FILE = "contrasts.json"


def with_learnt(job: PseudoMaskJob, manifest: Manifest, asked: PseudoMaskParams, seed: int) -> PseudoMaskJob:
    """The job with what its refinement learns; by the CRF alone, where `auto` asked and its masks are better.

    Args:
        manifest: with all samples; the job's has none.
        asked: as in params.yaml; those of the job say what `auto` means.
    """
    match job.params.refine:
        case "colours":
            return replace(job, colours=learn_colours(manifest, job.heat, job.work))
        case "pixels":
            by_crf = replace(job, params=job.params.model_copy(update={"refine": "crf"}))
            pixels = learn_pixels(job, manifest, seed)
            if pixels is None:
                return by_crf
            by_pixels = replace(job, pixels=pixels)
            if asked.refine == "pixels":
                return by_pixels
            contrasts = group().by_first(lambda: compared_contrasts([by_crf, by_pixels], manifest))
            return by_pixels if contrasts["pixels"] > contrasts["crf"] else by_crf
    return job


def compared_contrasts(jobs: Sequence[PseudoMaskJob], manifest: Manifest) -> dict[str, float]:
    """The mean `region_contrast` of the masks that each job makes of some images, by its refinement.

    0 without any. The jobs have one work folder; a stage that goes on reads what was compared before.
    """
    file = jobs[0].work / FILE
    if not file.exists():
        samples = spaced([sample for sample in manifest.split("train") if sample.labels], COMPARED)
        write_json(file, {job.params.refine: mean_contrast(job, samples) for job in jobs})
    return dict(read_json(file))


def mean_contrast(job: PseudoMaskJob, samples: Sequence[Sample]) -> float:
    """The mean contrast over the images whose masks have a region with something around it; 0 without any."""
    parts = parallel_map(
        partial(_contrasts, job), in_blocks(samples), description=f"contrast ({job.params.refine})"
    )
    contrasts = np.concatenate(parts) if parts else np.zeros(0)
    known = contrasts[~np.isnan(contrasts)]
    return float(known.mean()) if len(known) else 0.0


def _contrasts(job: PseudoMaskJob, samples: Sequence[Sample]) -> list[float]:
    """The contrast of the mask of each image of a block."""
    maker, found = mask_maker(job), []
    for sample in samples:
        image = job.manifest.image(sample)
        heatmaps = upsample(maker.heat.read(sample), (image.shape[0], image.shape[1]))
        found.append(region_contrast(image, maker.refined(sample, image, heatmaps).refined, sample.labels))
    return found
