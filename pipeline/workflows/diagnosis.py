"""The diagnosis of the classifier: did it learn the true features? Measured on unseen `val` images."""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from pipeline import paths
from pipeline.base.files import write_text
from pipeline.base.work_folder import publish
from pipeline.classifier.network import load_classifier
from pipeline.data.images import Mask
from pipeline.data.manifest import Manifest, Sample, shown_classes
from pipeline.data.mask_store import load_mask
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.engine.mapping import Batch, ImagePass, block_file, map_blocks, read_block_files
from pipeline.engine.processes import group
from pipeline.evaluation.diagnosis import ImageDiagnosis, Logits, diagnose
from pipeline.heatmaps.diagnosed_model import (
    DiagnosedModel,
    background_logits,
    diagnose_image,
    make_diagnosed_model,
)
from pipeline.params import Params
from pipeline.workflows.classifier_target import classifier_target
from pipeline.workflows.network_work_folder import network_work_folder

STAGE = "diagnose"

ImageResult = dict[str, Any]  # logits and those of the background, C each, and the diagnoses of the labels


@dataclass(frozen=True)
class Diagnosis:
    """What the diagnosis of a classifier shows."""

    model: DiagnosedModel
    diagnoses: list[ImageDiagnosis]
    summary: dict[str, Any]  # per class and overall, with suspicions, see `diagnose`


def diagnose_classifier(manifest: Manifest, params: Params) -> Diagnosis:
    """Diagnose `models/classifier` on the `val` images, with the first of `heatmaps.methods`."""
    net = to_channels_last(load_classifier(paths.CLASSIFIER), pick_device())
    method, long_side = params.heatmaps.methods[0], params.working_side()
    model = make_diagnosed_model(net, net.fc, classifier_target(net), method, long_side)
    work = network_work_folder(
        STAGE,
        __file__,
        params=params.diagnose,
        method=method,
        long_side=long_side,
        classifier=paths.CLASSIFIER,
        ground_truth=paths.GROUND_TRUTH,
    )
    val = manifest.split("val")
    logits, backgrounds, diagnoses = diagnose_images(model, manifest, val, params.diagnose.images, work)
    summary = diagnose(manifest.classes, shown_classes(manifest, val), logits, backgrounds, diagnoses)
    publish(STAGE, {})
    return Diagnosis(model, diagnoses, summary)


def diagnose_images(
    model: DiagnosedModel, manifest: Manifest, samples: Sequence[Sample], images: int, folder: Path
) -> tuple[Logits, Logits, list[ImageDiagnosis]]:
    """Logits (N, C) of the images and of their backgrounds, and a diagnosis of each label.

    The first `images` of each class are diagnosed in detail. Without ground truth or in
    data without background, the background is NaN, and no heatmap is compared with a mask. Of several
    processes the first returns.

    Args:
        folder: for unfinished work.
    """
    compute = partial(_diagnose, model, detailed_labels(samples, images), manifest.background)
    work = ImagePass("diagnose", manifest, (), 1, compute, keep_images=True)
    map_blocks(samples, work, lambda number: block_file(folder, number).exists(), partial(_write, folder))
    group().keep(1)
    logits, backgrounds = np.zeros((2, len(samples), len(manifest.classes)), np.float32)
    diagnoses: list[ImageDiagnosis] = []
    for row, result in enumerate(read_block_files(folder, samples)):
        logits[row], backgrounds[row] = result["logits"], result["background"]
        diagnoses += [ImageDiagnosis(**{**d, "shares": tuple(d["shares"])}) for d in result["diagnoses"]]
    return logits, backgrounds, diagnoses


def detailed_labels(samples: Sequence[Sample], images: int) -> dict[str, list[int]]:
    """The labels of each sample that are diagnosed in detail: of the first `images` of each class."""
    remaining: dict[int, int] = defaultdict(lambda: images)
    detailed = {}
    for sample in samples:
        detailed[sample.name] = [label for label in sample.labels if remaining[label] > 0]
        for label in detailed[sample.name]:
            remaining[label] -= 1
    return detailed


def ground_truth_of(sample: Sample) -> Mask | None:
    """The ground-truth mask of `sample`; None if it may not be used for scores."""
    return load_mask(paths.GROUND_TRUTH, sample) if sample.score else None


def _diagnose(
    model: DiagnosedModel, detailed: dict[str, list[int]], has_background: bool, batch: Batch
) -> list[ImageResult]:
    (sample,), (image,) = batch.samples, batch.images
    mask, logits = ground_truth_of(sample) if has_background else None, model.logits(image)
    background = None if mask is None else background_logits(model, image, mask)
    diagnoses = diagnose_image(model, sample, image, mask, background, detailed[sample.name])
    return [
        {
            "logits": logits.tolist(),
            "background": (torch.full_like(logits, torch.nan) if background is None else background).tolist(),
            "diagnoses": [asdict(diagnosis) for diagnosis in diagnoses],
        }
    ]


def _write(folder: Path, number: int, results: dict[str, ImageResult]) -> None:
    # Not by `write_json`, which refuses NaN: what was not measured.
    write_text(block_file(folder, number), json.dumps(results))
