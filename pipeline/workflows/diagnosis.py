"""The diagnosis of the classifier: did it learn the true features? Measured on unseen `val` images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from pipeline import paths
from pipeline.classifier.network import load_classifier
from pipeline.data.images import Mask
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import load_mask
from pipeline.engine.device import pick_device, to_channels_last
from pipeline.evaluation.diagnosis import ImageDiagnosis, Logits, diagnose
from pipeline.heatmaps.diagnosed_model import (
    DiagnosedModel,
    background_logits,
    diagnose_image,
    make_diagnosed_model,
)
from pipeline.params import Params


@dataclass(frozen=True)
class Diagnosis:
    """What the diagnosis of a classifier shows."""

    model: DiagnosedModel
    diagnoses: list[ImageDiagnosis]
    summary: dict[str, Any]  # per class and overall, with suspicions, see `diagnose`


def diagnose_classifier(manifest: Manifest, params: Params) -> Diagnosis:
    """Diagnose `models/classifier` on the `val` images, with the first of `heatmaps.methods`."""
    net = to_channels_last(load_classifier(paths.CLASSIFIER), pick_device())
    model = make_diagnosed_model(net, net.fc, params.heatmaps.methods[0], params.data.long_side)
    val = manifest.split("val")
    logits, backgrounds, diagnoses = diagnose_images(model, manifest, val, params.diagnose.images)
    labels = np.array([[c in s.labels for c in range(len(manifest.classes))] for s in val], bool)
    summary = diagnose(manifest.classes, labels, logits, backgrounds, diagnoses)
    return Diagnosis(model, diagnoses, summary)


def diagnose_images(
    model: DiagnosedModel, manifest: Manifest, samples: Sequence[Sample], images: int
) -> tuple[Logits, Logits, list[ImageDiagnosis]]:
    """Logits (N, C) of the images and of their backgrounds, and a diagnosis of each label.

    The first `images` of each class are diagnosed in detail. Without ground truth, the background is NaN.
    """
    logits = np.zeros((len(samples), len(manifest.classes)), np.float32)
    backgrounds = np.full_like(logits, np.nan)
    diagnoses: list[ImageDiagnosis] = []
    remaining = [images] * len(manifest.classes)
    for row, sample in enumerate(tqdm(samples, "diagnose", unit="image")):
        image, mask, background = manifest.image(sample), ground_truth_of(sample), None
        logits[row] = model.logits(image).numpy()
        if mask is not None:
            background = background_logits(model, image, mask)
            backgrounds[row] = background.numpy()
        detailed = [label for label in sample.labels if remaining[label] > 0]
        for label in detailed:
            remaining[label] -= 1
        diagnoses += diagnose_image(model, sample, image, mask, background, detailed)
    return logits, backgrounds, diagnoses


def ground_truth_of(sample: Sample) -> Mask | None:
    """The ground-truth mask of `sample`; None if it may not be used for scores."""
    return load_mask(paths.GROUND_TRUTH, sample) if sample.score else None
