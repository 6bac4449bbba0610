"""What refinements learn from the heat of all training images, and which of them `refine: auto` takes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

from pipeline.base.files import read_json, write_json
from pipeline.data.manifest import Manifest
from pipeline.engine.processes import group
from pipeline.masks.threshold import Threshold
from pipeline.params import Refinement
from pipeline.workflows.heatmap_threshold import candidate_thresholds
from pipeline.workflows.learnt_pixels import learn_pixels
from pipeline.workflows.object_colours import learn_colours
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob
from pipeline.workflows.refinement import choosing_masks, has_small_objects
from pipeline.workflows.refiner_scores import compared_samples, corrected_miou, kept_share, mean_contrast

CHOICE = "choice.json"
KEPT = 0.5  # of the pixels; the CRF keeps 0.01 and 0.35 on cracks and spots, 0.7 and 0.9 on small animals


def with_learnt(job: PseudoMaskJob, manifest: Manifest, seed: int) -> PseudoMaskJob:
    """The job with what its refinement learns, and what `refine: auto` leaves open chosen.

    Where a person has corrected 5 masks of each class, these choose the refinement, and the threshold if that
    is `auto` too. Else small objects that the CRF wipes out take their colours: heat is coarser than they
    are, so that its outlines say nothing, and `auto` is where heat covers their area. For all others, the
    contrast of the regions decides between pixels and the CRF.

    Args:
        job: with the params as in params.yaml.
        manifest: with all samples; the job's has none.
    """
    if job.params.refine != "auto":
        return learnt(job, manifest, seed)
    if corrected := choosing_masks(manifest):
        by_masks = partial(corrected_miou, samples=corrected, labels=len(manifest.classes) + 1)
        return best(job, all_ways(job, manifest, seed), by_masks)
    by_crf = refined_by(job, "crf")
    if has_small_objects(job.heat.folder) and wipes_out(by_crf, manifest):
        return learnt(refined_by(at_area(job, manifest), "colours"), manifest, seed)
    jobs = [by_crf, learnt(refined_by(job, "pixels"), manifest, seed)]
    return best(job, jobs, partial(mean_contrast, samples=compared_samples(manifest)))


def wipes_out(job: PseudoMaskJob, manifest: Manifest) -> bool:
    """Whether the refiner takes away most of what the heat shows: objects are narrower than it sees."""
    return group().by_first(lambda: kept_share(job, compared_samples(manifest))) < KEPT


def at_area(job: PseudoMaskJob, manifest: Manifest) -> PseudoMaskJob:
    """The job with the threshold at which heat covers the area of small objects, where `auto` chooses it."""
    if job.params.threshold != "auto":
        return job
    return at(job, group().by_first(lambda: candidate_thresholds(job.heat.folder, manifest).least))


def at(job: PseudoMaskJob, threshold: Threshold) -> PseudoMaskJob:
    """The job with another threshold."""
    heat = replace(job.heat, threshold=threshold)
    return replace(job, heat=heat, judge=heat)


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


def all_ways(job: PseudoMaskJob, manifest: Manifest, seed: int) -> list[PseudoMaskJob]:
    """The job with each threshold that `auto` knows, and each refinement.

    Colours and pixels are learnt from masks, so they are others at another threshold: each has its folder.
    """

    def known() -> list[float]:
        found = candidate_thresholds(job.heat.folder, manifest)
        return sorted({found.otsu, found.least, found.steepest})

    thresholds = [job.heat.threshold]
    if job.params.threshold == "auto" and manifest.background:
        thresholds = list(group().by_first(known))
    names: list[Refinement] = ["crf", "pixels"]
    if manifest.background:
        names.append("colours")
    jobs = []
    for number, threshold in enumerate(thresholds):
        here = replace(at(job, threshold), work=job.work / f"threshold-{number}")
        jobs += [learnt(refined_by(here, name), manifest, seed) for name in names]
    return jobs


def best(
    job: PseudoMaskJob, jobs: Sequence[PseudoMaskJob], score: Callable[[PseudoMaskJob], float]
) -> PseudoMaskJob:
    """The one of `jobs` with the best score, the first of equal ones, in the work folder of `job`.

    A stage that goes on reads the scores that were found before.
    """
    file = job.work / CHOICE

    def scores() -> list[float]:
        if not file.exists():
            write_json(file, [score(one) for one in jobs])
        return list(read_json(file))

    found = group().by_first(scores)
    return replace(jobs[found.index(max(found))], work=job.work)
