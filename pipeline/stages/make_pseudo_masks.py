"""Pseudo-masks of the training images from the heatmaps of one method, and their scores where masks exist."""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from pipeline import paths
from pipeline.base.work import work_folder
from pipeline.data.manifest import Sample, load_mask, mask_path, read_manifest
from pipeline.errors import UserError
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.auto import POWER, Histogram, heat_histogram, otsu
from pipeline.masks.sweep import THRESHOLDS, best_threshold, sweep
from pipeline.masks.threshold import competition, upsample
from pipeline.params import load_params
from pipeline.stages.running import stage
from pipeline.workflows.pseudo_masks import Job, make_masks


def main(method: str) -> None:
    """Read `data/heatmaps/METHOD`, write `data/masks/METHOD` and `reports/pseudo_masks/METHOD`."""
    name = f"make_pseudo_masks@{method}"
    params = load_params().pseudo_masks
    manifest = read_manifest(paths.PREPARED)
    train, heatmaps = manifest.split("train"), paths.HEATMAPS / method
    work = work_folder(name, params, paths.PREPARED / "manifest.json", heatmaps, paths.CORRECTED)
    match params.threshold:
        case "auto":
            threshold = round(otsu(pooled_histogram(heatmaps, train), POWER), 4)
            print(f"{name}: threshold {threshold:.2f}, chosen without masks")
        case "calibrated":
            threshold = calibrated(heatmaps, train, len(manifest.classes) + 1)
            print(f"{name}: threshold {threshold:.2f}, chosen with the corrected masks")
        case given:
            threshold = given
    job = Job(manifest.without_samples(), heatmaps, work, params, threshold, competition)
    make_masks(name, method, job, train)


def pooled_histogram(heatmaps: Path, samples: Sequence[Sample]) -> Histogram:
    """Levels of the strongest heat over all pixels of all samples, int64 (256,)."""
    store = HeatmapStore(heatmaps)
    histogram: Histogram = sum((heat_histogram(store.read(s)) for s in samples), np.zeros(256, np.int64))
    return histogram


def calibrated(heatmaps: Path, samples: Sequence[Sample], labels: int) -> float:
    """The threshold with the best mIoU of the heatmaps on the corrected samples; the lowest of equal ones.

    Raises:
        ValueError: no sample was corrected.
    """
    corrected = [sample for sample in samples if mask_path(paths.CORRECTED, sample).exists()]
    if not corrected:
        raise UserError(
            f"pseudo_masks.threshold: expected corrected masks for `calibrated`, got none in "
            f"{paths.CORRECTED}. Add some with `camseg corrections add`, or take `auto`"
        )
    store = HeatmapStore(heatmaps)
    counts = np.zeros((len(THRESHOLDS), labels, labels), np.int64)
    for sample in corrected:
        truth = load_mask(paths.CORRECTED, sample)
        heat = upsample(store.read(sample), (sample.height, sample.width))
        counts += sweep(truth, heat, np.array(sample.labels, int), labels)
    return best_threshold(counts)


if __name__ == "__main__":
    with stage(f"make_pseudo_masks@{sys.argv[1]}"):
        main(sys.argv[1])
