"""What refinements learn from the heat of all training images, and which of them is taken."""

from collections.abc import Sequence
from dataclasses import replace

from pipeline.base.files import read_json, write_json
from pipeline.data.manifest import Manifest
from pipeline.engine.processes import group
from pipeline.params import PseudoMaskParams, Refinement
from pipeline.workflows.heatmap_threshold import candidates
from pipeline.workflows.learnt_pixels import learn_pixels
from pipeline.workflows.object_colours import learn_colours
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob
from pipeline.workflows.refiner_scores import compared_samples, corrected_miou, few_masks, mean_contrast

CHOICE = "choice.json"


def with_learnt(job: PseudoMaskJob, manifest: Manifest, asked: PseudoMaskParams, seed: int) -> PseudoMaskJob:
    """The job with what its refinement learns, and what `refine: auto` leaves open chosen.

    Where a person has corrected 5 masks of each class, these choose the refinement, and the threshold if that
    is `auto` too. Else small objects take their colours, and the contrast of the regions decides between
    pixels and the CRF.

    Args:
        manifest: with all samples; the job's has none.
        asked: as in params.yaml; those of the job say what `auto` means by the size of the objects.
    """
    if asked.refine != "auto":
        return learnt(job, manifest, seed)
    if few_masks(manifest):
        return best(job, by_masks(job, manifest, asked, seed), manifest)
    if job.params.refine == "colours":
        return learnt(job, manifest, seed)
    return best(job, [refined_by(job, "crf"), learnt(job, manifest, seed)], manifest)


def learnt(job: PseudoMaskJob, manifest: Manifest, seed: int) -> PseudoMaskJob:
    """The job with what its refinement learns; by the CRF where there are no other images to learn from."""
    match job.params.refine:
        case "colours":
            return replace(job, colours=learn_colours(manifest, job.heat, job.work))
        case "pixels":
            pixels = learn_pixels(job, manifest, seed)
            return replace(job, pixels=pixels) if pixels else refined_by(job, "crf")
    return job


def refined_by(job: PseudoMaskJob, refine: Refinement) -> PseudoMaskJob:
    """The job with another refinement, of which nothing is learnt yet."""
    return replace(job, params=job.params.model_copy(update={"refine": refine}))


def by_masks(
    job: PseudoMaskJob, manifest: Manifest, asked: PseudoMaskParams, seed: int
) -> list[PseudoMaskJob]:
    """The jobs among which corrected masks choose; what they learn lies in a folder for each threshold."""
    thresholds = [job.heat.threshold]
    if asked.threshold == "auto" and manifest.background:
        found = group().by_first(lambda: candidates(job.heat.folder, manifest))
        thresholds = sorted({found.otsu, found.steepest})
    names: list[Refinement] = ["crf", "pixels"]
    if manifest.background:
        names.append("colours")
    jobs = []
    for number, threshold in enumerate(thresholds):
        heat = replace(job.heat, threshold=threshold)
        at = replace(job, heat=heat, judge=heat, work=job.work / f"threshold-{number}")
        jobs += [learnt(refined_by(at, name), manifest, seed) for name in names]
    return jobs


def best(job: PseudoMaskJob, jobs: Sequence[PseudoMaskJob], manifest: Manifest) -> PseudoMaskJob:
    """The one of `jobs` with the best score, the first of equal ones, in the work folder of `job`.

    A stage that goes on reads the scores that were found before.
    """
    scores = group().by_first(lambda: scores_of(job, jobs, manifest))
    return replace(jobs[scores.index(max(scores))], work=job.work)


def scores_of(job: PseudoMaskJob, jobs: Sequence[PseudoMaskJob], manifest: Manifest) -> list[float]:
    """By corrected masks if there are enough, else the contrast of the regions."""
    file, corrected = job.work / CHOICE, few_masks(manifest)
    if not file.exists():
        if corrected:
            scores = [corrected_miou(one, corrected, len(manifest.classes) + 1) for one in jobs]
        else:
            samples = compared_samples(manifest)
            scores = [mean_contrast(one, samples) for one in jobs]
        write_json(file, scores)
    return list(read_json(file))
