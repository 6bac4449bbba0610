"""Pseudo-masks of the training images from the heatmaps of one method, and their scores where masks exist."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline.data.manifest import Sample, read_manifest
from pipeline.engine.work import work_folder
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.auto import POWER, Histogram, heat_histogram, otsu
from pipeline.params import load_params
from pipeline.stages import paths
from pipeline.stages.heat_to_masks import Job, make_masks
from pipeline.stages.running import stage


def main(method: str) -> None:
    """Read `data/heatmaps/METHOD`, write `data/masks/METHOD` and `reports/pseudo_masks/METHOD`."""
    name = f"make_pseudo_masks@{method}"
    params = load_params().pseudo_masks
    manifest = read_manifest(paths.PREPARED)
    train, heatmaps = manifest.split("train"), paths.HEATMAPS / method
    work = work_folder(name, params, paths.PREPARED / "manifest.json", heatmaps)
    if params.threshold == "auto":
        threshold = round(otsu(pooled_histogram(heatmaps, train), POWER), 4)
        print(f"{name}: threshold {threshold:.2f}, chosen without masks")
    else:
        threshold = params.threshold
    job = Job(manifest.without_samples(), heatmaps, work, params, threshold)
    make_masks(name, method, job, train)


def pooled_histogram(heatmaps: Path, samples: Sequence[Sample]) -> Histogram:
    """Levels of the strongest heat over all pixels of all samples, int64 (256,)."""
    store = HeatmapStore(heatmaps)
    histogram: Histogram = sum((heat_histogram(store.read(s)) for s in samples), np.zeros(256, np.int64))
    return histogram


if __name__ == "__main__":
    with stage(f"make_pseudo_masks@{sys.argv[1]}"):
        main(sys.argv[1])
