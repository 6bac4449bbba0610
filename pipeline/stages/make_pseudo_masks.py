"""Pseudo-masks of the training images from the heatmaps of one method, and their scores where masks exist."""

import sys

from pipeline import paths
from pipeline.base.work import work_folder
from pipeline.data.manifest import read_manifest
from pipeline.params import load_params
from pipeline.stages.running import stage
from pipeline.workflows.heatmap_threshold import find_threshold
from pipeline.workflows.masking_job import MaskingJob, ThresholdedHeat
from pipeline.workflows.pseudo_masks import make_masks


def main(method: str) -> None:
    """Read `data/heatmaps/METHOD`, write `data/masks/METHOD` and `reports/pseudo_masks/METHOD`."""
    name = f"make_pseudo_masks@{method}"
    params = load_params().pseudo_masks
    manifest = read_manifest(paths.PREPARED)
    train, heatmaps = manifest.split("train"), paths.HEATMAPS / method
    work = work_folder(
        name,
        __file__,
        params=params,
        manifest=paths.PREPARED / "manifest.json",
        heatmaps=heatmaps,
        corrected=paths.CORRECTED,
    )
    threshold = find_threshold(params, heatmaps, train, len(manifest.classes) + 1)
    print(f"{name}: threshold {threshold:.2f} ({params.threshold})")
    heat = ThresholdedHeat(heatmaps, threshold)
    job = MaskingJob(manifest.without_samples(), heat, heat, work, params)
    make_masks(name, method, job, train)


if __name__ == "__main__":
    with stage(f"make_pseudo_masks@{sys.argv[1]}"):
        main(sys.argv[1])
