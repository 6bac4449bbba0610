"""Did the classifier learn the true features? Measured on `val` images, which it has not seen."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from pipeline import paths
from pipeline.classifier.network import load_classifier
from pipeline.data.images import Mask
from pipeline.data.manifest import Manifest, Sample, load_mask
from pipeline.engine.device import pick_device, place
from pipeline.evaluation.diagnosis import Finding, Logits, diagnose
from pipeline.heatmaps.diagnosed_model import Patient, background_logits, examine, make_patient
from pipeline.params import Params


@dataclass(frozen=True)
class Diagnosis:
    """A diagnosed classifier."""

    patient: Patient
    findings: list[Finding]
    summary: dict[str, Any]  # per class and overall, with what is suspicious, see `diagnose`


def diagnose_classifier(manifest: Manifest, params: Params) -> Diagnosis:
    """Diagnose `models/classifier` on the `val` images, by the first of `heatmaps.methods`."""
    net = place(load_classifier(paths.CLASSIFIER), pick_device())
    patient = make_patient(net, net.fc, params.heatmaps.methods[0], params.data.long_side)
    val = manifest.split("val")
    logits, backgrounds, findings = examine_all(patient, manifest, val, params.diagnose.images)
    labels = np.array([[c in s.labels for c in range(len(manifest.classes))] for s in val], bool)
    summary = diagnose(manifest.classes, labels, logits, backgrounds, findings)
    return Diagnosis(patient, findings, summary)


def examine_all(
    patient: Patient, manifest: Manifest, samples: Sequence[Sample], images: int
) -> tuple[Logits, Logits, list[Finding]]:
    """Logits (N, C), those of the backgrounds, and findings.

    `images` of each class are examined closely, the first ones. Without a true mask, the background is NaN.
    """
    logits = np.zeros((len(samples), len(manifest.classes)), np.float32)
    backgrounds = np.full_like(logits, np.nan)
    findings: list[Finding] = []
    left = [images] * len(manifest.classes)
    for row, sample in enumerate(tqdm(samples, "diagnose", unit="image")):
        image, mask, background = manifest.image(sample), true_mask(sample), None
        logits[row] = patient.logits(image).numpy()
        if mask is not None:
            background = background_logits(patient, image, mask)
            backgrounds[row] = background.numpy()
        closely = [label for label in sample.labels if left[label] > 0]
        for label in closely:
            left[label] -= 1
        findings += examine(patient, sample, image, mask, background, closely)
    return logits, backgrounds, findings


def true_mask(sample: Sample) -> Mask | None:
    """The mask of `sample`, where it may be used for scores."""
    return load_mask(paths.TRUE_MASKS, sample) if sample.score else None
