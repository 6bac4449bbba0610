"""Did the classifier learn the true features? Measured on `val` pictures, which it has not seen."""

from collections.abc import Iterator, Sequence

import numpy as np
from tqdm import tqdm

from pipeline import paths
from pipeline.base.files import renew, write_json
from pipeline.classifier.network import load_classifier
from pipeline.data.images import Mask, write_image
from pipeline.data.manifest import Manifest, Sample, load_mask, read_manifest
from pipeline.engine.device import pick_device, place
from pipeline.evaluation.diagnosis import Finding, diagnose, most_doubtful
from pipeline.heatmaps.diagnosed_model import Patient, background_logits, examine, make_patient
from pipeline.heatmaps.perturbation import paint_over
from pipeline.params import load_params
from pipeline.report.overlay import draw_heat
from pipeline.report.panel import draw_panel
from pipeline.report.tiles import Tile, shrink_photo
from pipeline.stages.running import stage

NAME = "diagnose"
EXAMPLES = 2  # pictures of each class


def main() -> None:
    """Read `models/classifier` and the `val` pictures, write `reports/diagnosis`."""
    params = load_params()
    manifest = read_manifest(paths.PREPARED)
    net = place(load_classifier(paths.CLASSIFIER), pick_device())
    patient = make_patient(net, net.fc, params.heatmaps.methods[0], params.data.long_side)
    val = manifest.split("val")
    logits, backgrounds, findings = examine_all(patient, manifest, val, params.diagnose.images)
    labels = np.array([[c in s.labels for c in range(len(manifest.classes))] for s in val], bool)
    found = diagnose(manifest.classes, labels, logits, backgrounds, findings)
    renew(paths.DIAGNOSIS)
    found["method"] = patient.method
    found["examples"] = list(write_examples(patient, manifest, findings))
    write_json(paths.DIAGNOSIS / "diagnosis.json", found)
    for sentence in found["flags"] or ["nothing suspicious was found"]:
        print(f"{NAME}: {sentence}")


def examine_all(
    patient: Patient, manifest: Manifest, samples: Sequence[Sample], images: int
) -> tuple[np.ndarray, np.ndarray, list[Finding]]:
    """Logits (N, C), those of the backgrounds, and findings.

    `images` of each class are examined closely, the first ones. Without a true mask, the background is NaN.
    """
    logits = np.zeros((len(samples), len(manifest.classes)), np.float32)
    backgrounds = np.full_like(logits, np.nan)
    findings: list[Finding] = []
    left = [images] * len(manifest.classes)
    for row, sample in enumerate(tqdm(samples, NAME, unit="image")):
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


def write_examples(
    patient: Patient, manifest: Manifest, findings: Sequence[Finding]
) -> Iterator[dict[str, object]]:
    """A panel for each of the most doubtful pictures of each class, and what the page says of it."""
    samples = {sample.name: sample for sample in manifest.samples}
    for label, name in enumerate(manifest.classes):
        own = [finding for finding in findings if finding.label == label]
        for number, finding in enumerate(most_doubtful(own, EXAMPLES), 1):
            file = f"{label + 1:03d}-{number}.png"
            write_image(
                paths.DIAGNOSIS / file, draw_panel(example_tiles(patient, manifest, samples, finding))
            )
            yield {"class": name, "name": finding.name, "file": file}


def example_tiles(
    patient: Patient, manifest: Manifest, samples: dict[str, Sample], finding: Finding
) -> list[Tile]:
    """Photo, heat and, where there is a mask, the photo with all objects painted over; with the scores."""
    sample = samples[finding.name]
    image, mask = manifest.image(sample), true_mask(sample)
    heat = patient.heatmap_at(image, finding.label, shrink_photo(image).shape[:2])
    name = manifest.classes[finding.label]
    tiles = [
        Tile(f"{name}: {finding.score:.2f}", shrink_photo(image)),
        Tile(f"heat of {name}", draw_heat(shrink_photo(image), heat)),
    ]
    if mask is not None and not np.isnan(finding.painted_logit):
        painted = paint_over(image, mask != 0)
        tiles.append(Tile(f"painted over: {finding.painted_score:.2f}", shrink_photo(painted)))
    return tiles


if __name__ == "__main__":
    with stage(NAME):
        main()
