"""Pseudo-masks of the training images from one method's heatmaps, and their scores where masks exist."""

from pipeline import paths
from pipeline.base.work import work_folder
from pipeline.data.manifest import read_manifest
from pipeline.params import load_params
from pipeline.stages.running import run_stage
from pipeline.workflows.heatmap_threshold import find_threshold
from pipeline.workflows.masking_job import MaskingJob, ThresholdedHeat
from pipeline.workflows.pseudo_masks import make_masks

NAME = "make_pseudo_masks"


def main(method: str) -> None:
    """Read `data/heatmaps/METHOD`, write `data/masks/METHOD` and `reports/pseudo_masks/METHOD`."""
    name = f"{NAME}@{method}"
    params = load_params().pseudo_masks
    manifest, heatmaps = read_manifest(paths.PREPARED), paths.HEATMAPS / method
    work = work_folder(
        name,
        __file__,
        params=params,
        manifest=paths.PREPARED / "manifest.json",
        heatmaps=heatmaps,
        corrected=paths.CORRECTED,
    )
    train = manifest.split("train")
    threshold = find_threshold(params, heatmaps, train, len(manifest.classes) + 1)
    print(f"{name}: threshold {threshold:.2f} ({params.threshold})")
    heat = ThresholdedHeat(heatmaps, threshold)
    make_masks(name, method, MaskingJob(manifest.without_samples(), heat, heat, work, params), train)


if __name__ == "__main__":
    run_stage(NAME, main)
