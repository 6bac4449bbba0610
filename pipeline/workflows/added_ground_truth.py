"""Masks that people drew for scoring only: what they say of the masks and of the predictions of a run."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline import paths
from pipeline.data.corrections.store import inspect_store
from pipeline.data.images import read_mask
from pipeline.data.manifest import Manifest, Sample, Split
from pipeline.data.mask_store import has_mask, load_mask, mask_path
from pipeline.data.problem_lists import DataError
from pipeline.evaluation.area_error import area_errors, area_standard_errors
from pipeline.evaluation.confusion import Counts, pseudo_mask_counts
from pipeline.evaluation.means import mean_present, score_or_none
from pipeline.evaluation.standard_error import iou_parts, ious_of_parts, miou_standard_error
from pipeline.params import Params, default_masks, default_supervision
from pipeline.workflows.confusion_file import label_names
from pipeline.workflows.leading_round import find_lead

HALVING = 4  # times the images halve a standard error, which falls with their root

AddedScores = dict[str, dict[str, Any]]  # by split, see `split_scores`


def score_added(manifest: Manifest, params: Params) -> AddedScores:
    """The scores of each split that has added ground truth and masks to score.

    Scored are the leading pseudo-masks of training images, and the predictions of the leading model for the
    images of `evaluation.split`. An image with a corrected mask trains, so it does not score.

    Raises:
        DataError: an added mask does not fit the data set.
    """
    if not paths.ADDED_GROUND_TRUTH.is_dir():
        return {}
    store = inspect_store(paths.ADDED_GROUND_TRUTH, manifest, params.data.max_megapixels, scoring=True)
    if store.errors:
        advice = "Take masks out by `camseg ground-truth remove NAME`, or correct them and add them again."
        raise DataError(paths.ADDED_GROUND_TRUTH, store.errors, advice)
    folders = scored_folders(params)
    samples = {split: scorable(manifest, split, folder) for split, folder in folders.items()}
    return {
        split: split_scores(
            manifest, [s for s in samples[split] if s.name in store.masks], folder, store.masks
        )
        | {"images_left": sum(s.name not in store.masks for s in samples[split])}
        for split, folder in folders.items()
        if any(sample.name in store.masks for sample in samples[split])
    }


def scored_folders(params: Params) -> dict[Split, Path]:
    """Where the masks lie that added ground truth scores, by split."""
    methods, supervision = params.heatmaps.methods, find_lead(params).supervision
    return {
        "train": paths.MASKS / default_masks(methods, supervision),
        params.evaluation.split: paths.PREDICTIONS / default_supervision(supervision),
    }


def scorable(manifest: Manifest, split: Split, folder: Path) -> list[Sample]:
    """The images of a split that have a mask in `folder` which no person made."""
    samples = (s for s in manifest.split(split) if not has_mask(paths.CORRECTED, s))
    return [sample for sample in samples if has_mask(folder, sample)]


def split_scores(
    manifest: Manifest, samples: Sequence[Sample], folder: Path, ground_truth: Mapping[str, bytes]
) -> dict[str, Any]:
    """The scores of the masks in `folder`; null where the images do not tell. Open pixels are not found.

    `area_error` is (area in the masks - true area) / true area of a class, in all images together.

    Args:
        ground_truth: PNGs by the name of their sample.
    """
    images = [count_parts(manifest, sample, folder, ground_truth[sample.name]) for sample in samples]
    parts = np.sum(images, axis=0)
    error = miou_standard_error(images)
    shown = bool(parts[1, 1:].any())
    return {
        "masks": folder.as_posix(),
        "images": len(images),
        "miou": score_or_none(mean_present(ious_of_parts(parts))) if shown else None,
        "miou_standard_error": score_or_none(error) if shown else None,
        "iou_per_class": by_label(manifest, ious_of_parts(parts)),
        "area_error": by_label(manifest, area_errors(parts)),
        "area_standard_error": by_label(manifest, area_standard_errors(images)),
        "more_images_halve_the_error": None if np.isnan(error) else (HALVING - 1) * len(images),
    }


def count_parts(manifest: Manifest, sample: Sample, folder: Path, ground_truth: bytes) -> Counts:
    """`iou_parts` of one mask, at the size of the working copy."""
    true = read_mask(mask_path(paths.ADDED_GROUND_TRUTH, sample), content=ground_truth)
    return iou_parts(pseudo_mask_counts(true, load_mask(folder, sample), len(manifest.classes) + 1))


def by_label(manifest: Manifest, values: np.ndarray) -> dict[str, float | None]:
    """Values (L,) by the name of the label; without the background in data that have none."""
    named = list(zip(label_names(manifest.classes), values, strict=True))
    return {name: score_or_none(value) for name, value in named[0 if manifest.background else 1 :]}


def drawn_order(samples: Sequence[Sample], seed: int) -> list[Sample]:
    """The samples in a random order by the seed and their names; the first ones are a fair sample of all."""
    # The split `val` may have been drawn by the seed and the name alone.
    return sorted(samples, key=lambda s: hashlib.sha256(f"score:{seed}:{s.name}".encode()).digest())
