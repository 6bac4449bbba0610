"""What camseg understood of a folder, in a few lines that a person holds against what they know."""

from typing import get_args

import numpy as np

from pipeline.base.problems import listed, printable
from pipeline.commands.overview import images_per_class
from pipeline.commands.tables import table
from pipeline.data.inspection import Inspection
from pipeline.data.manifest import Manifest, Split
from pipeline.params import ObjectSize
from pipeline.workflows.object_size import how_objects_are_sized


def understood(manifest: Manifest, inspection: Inspection, objects: ObjectSize = "auto") -> str:
    """The images, classes and masks as camseg reads them, and the pixels of each class."""
    samples, survey = manifest.samples, inspection.survey
    splits: tuple[Split, ...] = get_args(Split)
    images = [f"{len(part)} {split}" for split in splits if (part := manifest.split(split))]
    counts = np.sum(list(images_per_class(manifest).values()), axis=0)
    classes = [f"{name} {count}" for name, count in zip(manifest.classes, counts, strict=True)]
    unlabelled = sum(not sample.labels for sample in samples)
    masked = sum(sample.mask for sample in samples)
    lines = [
        f"images: {len(samples)} ({', '.join(images)})",
        f"images of each class: {listed(classes)}; {unlabelled} without a label",
        f"masks: {masked} of {len(samples)} images"
        + (f", {survey.encoding}" if survey.encoding else ", drawn from outlines" if masked else ""),
        *(f"values: {line}" for line in inspection.values),
        f"groups: {len(set(inspection.groups.values())) or 'none'}",
        f"size of objects: {how_objects_are_sized(manifest, objects)}",
        f"left out or worth a word: {len(inspection.warnings)} warning(s) in the list of problems",
    ]
    text = "\n".join(["what camseg understood", *(f"  {printable(line)}" for line in lines)])
    return f"{text}\n{_pixels(inspection)}" if masked else text


def _pixels(inspection: Inspection) -> str:
    pixels = inspection.survey.pixels
    total = max(1, sum(pixels.values()))
    rows = [[name, count, f"{count / total:.2%}"] for name, count in pixels.items()]
    return table(["pixels in the masks", "", "share"], rows)
