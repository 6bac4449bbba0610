"""Writes the folder `reports/diagnosis`: the diagnosis in numbers, and example images of each class."""

from collections.abc import Iterator

import numpy as np

from pipeline import paths
from pipeline.base.files import recreate_dir, write_json
from pipeline.data.images import write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.evaluation.diagnosis import ImageDiagnosis, most_doubtful
from pipeline.heatmaps.diagnosed_model import DiagnosedModel
from pipeline.heatmaps.perturbation import inpaint
from pipeline.report.overlay import draw_heat
from pipeline.report.panel import draw_panel
from pipeline.report.tiles import Tile, shrink_image
from pipeline.workflows.diagnosis import Diagnosis, ground_truth_of

EXAMPLES = 2  # images of each class


def write_diagnosis(diagnosis: Diagnosis, manifest: Manifest) -> None:
    """Write the folder anew, and print what is suspicious."""
    recreate_dir(paths.DIAGNOSIS)
    examples = list(write_examples(diagnosis, manifest))
    summary = diagnosis.summary | {"method": diagnosis.model.method, "examples": examples}
    write_json(paths.DIAGNOSIS / "diagnosis.json", summary)
    for sentence in diagnosis.summary["flags"] or ["nothing suspicious was found"]:
        print(f"diagnose: {sentence}")


def write_examples(diagnosis: Diagnosis, manifest: Manifest) -> Iterator[dict[str, object]]:
    """Write a panel of the most doubtful images of each class; their entries in `diagnosis.json`."""
    samples = {sample.name: sample for sample in manifest.samples}
    for label, class_name in enumerate(manifest.classes):
        of_class = [image for image in diagnosis.diagnoses if image.label == label]
        for number, image in enumerate(most_doubtful(of_class, EXAMPLES), 1):
            file = f"{label + 1:03d}-{number}.png"
            tiles = example_tiles(diagnosis.model, manifest, samples[image.name], image)
            write_image(paths.DIAGNOSIS / file, draw_panel(tiles))
            yield {"class": class_name, "name": image.name, "file": file}


def example_tiles(
    model: DiagnosedModel, manifest: Manifest, sample: Sample, diagnosis: ImageDiagnosis
) -> list[Tile]:
    """Image, heatmap and, with ground truth, the image with all objects painted over; with probabilities."""
    image, ground_truth = manifest.image(sample), ground_truth_of(sample)
    small, class_name = shrink_image(image), manifest.classes[diagnosis.label]
    heat = model.heatmap_at(image, diagnosis.label, small.shape[:2])
    tiles = [
        Tile(f"{class_name}: {diagnosis.probability:.2f}", small),
        Tile(f"heat of {class_name}", draw_heat(small, heat)),
    ]
    if ground_truth is None or np.isnan(diagnosis.painted_logit):
        return tiles
    if (painted := inpaint(image, ground_truth != 0)) is not None:
        tiles.append(Tile(f"painted over: {diagnosis.painted_probability:.2f}", shrink_image(painted)))
    return tiles
