"""Pseudo-masks of the training images from one method's heatmaps, and their scores where masks exist."""

from pipeline import paths
from pipeline.data.manifest import read_manifest
from pipeline.params import load_params
from pipeline.stages.running import run_stage
from pipeline.workflows.heatmap_threshold import thresholded_heatmaps
from pipeline.workflows.learnt_refinement import with_learnt
from pipeline.workflows.network_work_folder import shared_work_folder
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob
from pipeline.workflows.pseudo_masks import make_masks
from pipeline.workflows.refinement import checked_segments

NAME = "make_pseudo_masks"


def main(method: str) -> None:
    """Read `data/heatmaps/METHOD`, write `data/masks/METHOD` and `reports/pseudo_masks/METHOD`."""
    name = f"{NAME}@{method}"
    whole = load_params()
    params, tiles, objects = whole.pseudo_masks, whole.data.tiles, whole.heatmaps.objects
    manifest = read_manifest(paths.PREPARED)
    segments = checked_segments(params, manifest.split("train"))
    work = shared_work_folder(
        name,
        __file__,
        params=params,
        objects=objects,
        seed=whole.seed,
        tiles=tiles,
        segments=segments,
        manifest=paths.PREPARED / "manifest.json",
        heatmaps=paths.HEATMAPS / method,
        corrected=paths.CORRECTED,
        ground_truth=paths.GROUND_TRUTH,
    )
    heat = thresholded_heatmaps(method, params, manifest, objects, work)
    job = PseudoMaskJob(manifest.without_samples(), heat, heat, work, params, tiles=tiles)
    job = with_learnt(job, manifest, whole.seed)
    threshold = job.heat.threshold
    at = "" if threshold is None else f"threshold {threshold:.2f} ({params.threshold}), "
    print(f"{name}: {at}refined by: {job.params.refine}")
    make_masks(name, method, job, manifest.split("train"))


if __name__ == "__main__":
    run_stage(NAME, main, shared=True, in_parts=True)
