"""What refinements learn from the heat of all training images, before the first mask is made."""

from dataclasses import replace

from pipeline.data.manifest import Manifest
from pipeline.params import PseudoMaskParams
from pipeline.workflows.learnt_pixels import LearntPixels, learn_pixels
from pipeline.workflows.object_colours import learn_colours
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob


def with_learnt(job: PseudoMaskJob, manifest: Manifest, asked: PseudoMaskParams, seed: int) -> PseudoMaskJob:
    """The job with what its refinement learns; by the CRF alone, where `auto` asked and pixels do not tell.

    Args:
        manifest: with all samples; the job's has none.
        asked: as in params.yaml; those of the job say what `auto` means.
    """
    match job.params.refine:
        case "colours":
            return replace(job, colours=learn_colours(manifest, job.heat, job.work))
        case "pixels":
            pixels = learn_pixels(job, manifest, seed)
            if pixels and (asked.refine == "pixels" or LearntPixels.read(pixels).tell):
                return replace(job, pixels=pixels)
            return replace(job, params=job.params.model_copy(update={"refine": "crf"}))
    return job
