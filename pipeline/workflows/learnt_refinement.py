"""What refinements learn from the heat of all training images, and which of them `refine: auto` takes."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from pipeline.base.work_folder import once
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine.processes import group
from pipeline.masks.threshold import Threshold
from pipeline.params import Refinement
from pipeline.workflows.heatmap_threshold import kept_candidates
from pipeline.workflows.learnt_pixels import learn_pixels
from pipeline.workflows.object_colours import ObjectColours, learn_colours
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob
from pipeline.workflows.refinement import choosing_masks, has_small_objects
from pipeline.workflows.refiner_scores import Regions, compared_samples, corrected_miou, measure_regions

T = TypeVar("T")

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
        return best_by_masks(job, all_ways(job, manifest, seed), corrected, len(manifest.classes) + 1)
    by_crf, shown = refined_by(job, "crf"), compared_samples(manifest)
    of_crf = regions_of(by_crf, shown)
    if has_small_objects(job.heat.folder) and of_crf.kept < KEPT:
        return learnt(refined_by(at_area(job, manifest), "colours"), manifest, seed)
    by_pixels = learnt(refined_by(job, "pixels"), manifest, seed)
    return by_pixels if regions_of(by_pixels, shown).contrast > of_crf.contrast else by_crf


def best_by_masks(
    job: PseudoMaskJob, jobs: Sequence[PseudoMaskJob], corrected: Sequence[Sample], labels: int
) -> PseudoMaskJob:
    """The one of `jobs` with the best mIoU on corrected samples, the first of equal ones, in `job.work`."""
    scores = [measured(one, lambda one: corrected_miou(one, corrected, labels)) for one in jobs]
    return replace(jobs[scores.index(max(scores))], work=job.work)


def regions_of(job: PseudoMaskJob, samples: Sequence[Sample]) -> Regions:
    """`measure_regions`, once."""
    return Regions(*measured(job, lambda one: measure_regions(one, samples)))


def measured(job: PseudoMaskJob, measure: Callable[[PseudoMaskJob], T]) -> T:
    """`measure(job)`, a value of JSON; a stage that goes on reads what was found before."""
    file = measured_file(job.work, job.params.refine)
    return group().by_first(lambda: once(file, lambda: measure(job)))


def measured_file(work: Path, refine: Refinement) -> Path:
    """Where a work folder keeps what was measured of the masks of a refinement."""
    return work / f"measured-{refine}.json"


def at_area(job: PseudoMaskJob, manifest: Manifest) -> PseudoMaskJob:
    """The job with the threshold at which heat covers the area of small objects, where `auto` chooses it."""
    if job.params.threshold != "auto":
        return job
    return at(job, group().by_first(lambda: kept_candidates(job.heat.folder, manifest, job.work).least))


def at(job: PseudoMaskJob, threshold: Threshold) -> PseudoMaskJob:
    """The job with another threshold."""
    heat = replace(job.heat, threshold=threshold)
    return replace(job, heat=heat, judge=heat)


def learnt(job: PseudoMaskJob, manifest: Manifest, seed: int) -> PseudoMaskJob:
    """The job with what its refinement learns; by the CRF where that tells no class."""
    match job.params.refine:
        case "colours":
            colours = learn_colours(manifest, job.heat, job.work)
            tell = colours is not None and ObjectColours.read(colours).tell_any
            return replace(job, colours=colours) if tell else refined_by(job, "crf")
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
        found = kept_candidates(job.heat.folder, manifest, job.work)
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
