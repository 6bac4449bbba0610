"""The folder `reports/diagnosis`: what was found in numbers, and example images of each class."""

from collections.abc import Iterator

import numpy as np

from pipeline import paths
from pipeline.base.files import recreate_dir, write_json
from pipeline.data.images import write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.evaluation.diagnosis import ImageDiagnosis, most_doubtful
from pipeline.heatmaps.diagnosed_model import DiagnosedModel
from pipeline.heatmaps.perturbation import paint_over
from pipeline.report.overlay import draw_heat
from pipeline.report.panel import draw_panel
from pipeline.report.tiles import Tile, shrink_image
from pipeline.workflows.diagnosis import Diagnosis, ground_truth_of

EXAMPLES = 2  # images of each class


def write_diagnosis(found: Diagnosis, manifest: Manifest) -> None:
    """Write the folder anew, and print what is suspicious."""
    recreate_dir(paths.DIAGNOSIS)
    examples = list(write_examples(found, manifest))
    summary = found.summary | {"method": found.model.method, "examples": examples}
    write_json(paths.DIAGNOSIS / "diagnosis.json", summary)
    for sentence in found.summary["flags"] or ["nothing suspicious was found"]:
        print(f"diagnose: {sentence}")


def write_examples(found: Diagnosis, manifest: Manifest) -> Iterator[dict[str, object]]:
    """A panel for each of the most doubtful images of each class, and what the page says of it."""
    samples = {sample.name: sample for sample in manifest.samples}
    for label, name in enumerate(manifest.classes):
        own = [diagnosis for diagnosis in found.diagnoses if diagnosis.label == label]
        for number, diagnosis in enumerate(most_doubtful(own, EXAMPLES), 1):
            file = f"{label + 1:03d}-{number}.png"
            tiles = example_tiles(found.model, manifest, samples[diagnosis.name], diagnosis)
            write_image(paths.DIAGNOSIS / file, draw_panel(tiles))
            yield {"class": name, "name": diagnosis.name, "file": file}


def example_tiles(
    model: DiagnosedModel, manifest: Manifest, sample: Sample, diagnosis: ImageDiagnosis
) -> list[Tile]:
    """Image, heat and, where there is a mask, the image with all objects painted over; with the scores."""
    image, mask = manifest.image(sample), ground_truth_of(sample)
    heat = model.heatmap_at(image, diagnosis.label, shrink_image(image).shape[:2])
    name = manifest.classes[diagnosis.label]
    tiles = [
        Tile(f"{name}: {diagnosis.score:.2f}", shrink_image(image)),
        Tile(f"heat of {name}", draw_heat(shrink_image(image), heat)),
    ]
    if mask is not None and not np.isnan(diagnosis.painted_logit):
        painted = paint_over(image, mask != 0)
        tiles.append(Tile(f"painted over: {diagnosis.painted_score:.2f}", shrink_image(painted)))
    return tiles
