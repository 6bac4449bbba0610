"""Tiny data sets in the formats of others, with images of a known size."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.data.inspection import Inspection, inspect_folder
from pipeline.data.manifest import Sample
from pipeline.params import Source
from tests.image_folder import data_params, write_image_file

SIZE = (6, 8)  # height, width in pixels


def add_images(folder: Path, *names: str) -> None:
    """Write grey noise of the usual size to each of `names`."""
    for index, name in enumerate(names):
        noise = np.random.default_rng(index).integers(0, 256, (*SIZE, 3), dtype=np.uint8)
        write_image_file(folder / name, noise)


def inspect(source: Source, folder: Path, **changes: object) -> Inspection:
    """Inspect a folder in this process, with changes to the section `data`."""
    return inspect_folder(source, folder, data_params(**changes), 0)


def samples(inspection: Inspection) -> dict[str, Sample]:
    """The samples by name; there must be no errors."""
    assert inspection.manifest is not None, inspection.errors
    return {sample.name: sample for sample in inspection.manifest.samples}


def labels(inspection: Inspection) -> dict[str, tuple[str, ...]]:
    """The names of the labels of each sample."""
    named = samples(inspection)
    assert inspection.manifest is not None
    classes = inspection.manifest.classes
    return {name: tuple(classes[i] for i in sample.labels) for name, sample in named.items()}


def write_json(file: Path, value: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value), encoding="utf-8")


def make_coco(folder: Path, **changes: Any) -> dict[str, Any]:
    """Four images: a cat and a dog that overlap, a dog by run lengths, a crowd of cats, nothing."""
    names = [f"{name}.jpg" for name in ("both", "dog", "crowd", "empty")]
    add_images(folder / "images", *names)
    box = {"iscrowd": 0, "area": 1, "bbox": [0, 0, 1, 1]}
    document: dict[str, Any] = {
        "images": [
            {"id": 10 + i, "file_name": name, "height": SIZE[0], "width": SIZE[1]}
            for i, name in enumerate(names)
        ],
        "categories": [{"id": 18, "name": "dog"}, {"id": 17, "name": "cat"}, {"id": 3, "name": "car"}],
        "annotations": [
            {"id": 1, "image_id": 10, "category_id": 17, **box, "segmentation": [[0, 0, 4, 0, 4, 6, 0, 6]]},
            {"id": 2, "image_id": 10, "category_id": 18, **box, "segmentation": [[3, 0, 8, 0, 8, 6, 3, 6]]},
            {
                "id": 3,
                "image_id": 11,
                "category_id": 18,
                **box,
                "segmentation": {"size": list(SIZE), "counts": [6, 12, 30]},
            },
            {
                "id": 4,
                "image_id": 12,
                "category_id": 17,
                **box,
                "iscrowd": 1,
                "segmentation": {"size": list(SIZE), "counts": [0, 6, 42]},
            },
        ],
        **changes,
    }
    write_json(folder / "annotations" / "instances.json", document)
    return document


def make_voc(folder: Path, objects: Mapping[str, Sequence[tuple[str, int]]]) -> None:
    """Images with objects (name, difficult), without lists and masks."""
    add_images(folder / "JPEGImages", *(f"{name}.jpg" for name in objects))
    (folder / "Annotations").mkdir()
    for name, of_image in objects.items():
        text = "".join(
            f"<object><name>{n}</name><difficult>{d}</difficult><part><name>head</name></part></object>"
            for n, d in of_image
        )
        (folder / "Annotations" / f"{name}.xml").write_text(f"<annotation>{text}</annotation>")


def write_list(folder: Path, name: str, *lines: str) -> None:
    """ImageSets/NAME with these lines."""
    file = folder / "ImageSets" / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n")
