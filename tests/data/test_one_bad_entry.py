"""One bad entry of a file hides no other: every bad one is named, every good one is read."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.corrections.inspection import Corrections, inspect_corrections
from pipeline.data.corrections.read import read_corrections
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.sources import coco, csv_folder, voc
from pipeline.formats.labelstudio_rle import encode_brush
from tests.data.folders import add_images
from tests.image_folder import data_params

SIZE = (4, 5)
REGION = np.eye(*SIZE, dtype=bool)
SAMPLES = tuple(Sample(n, f"{n}.jpg", "", *SIZE, (0, 1), "train", False, False) for n in ("a", "b"))
MANIFEST = Manifest("images", ("cat", "dog"), SAMPLES)


def stroke(**changes: object) -> dict[str, object]:
    value = {"format": "rle", "brushlabels": ["cat"], "rle": encode_brush(REGION)}
    return {"type": "brushlabels", "original_height": 4, "original_width": 5, "value": value, **changes}


def task(image: str, *results: object) -> dict[str, object]:
    return {"data": {"image": image}, "annotations": [{"result": list(results)}]}


def corrections(folder: Path, *tasks: object) -> Corrections:
    file = folder / "tasks.json"
    file.write_text(json.dumps(tasks))
    parsed = read_corrections(file, "labelstudio", MANIFEST.classes)
    return inspect_corrections(parsed, MANIFEST, MANIFEST.classes, 10)


@pytest.mark.parametrize("image", ["/", ".", "//", "%2F/", "/%2e", "../..", "no/such.jpg"])
def test_a_task_without_a_file_name_hides_no_other_task(tmp_path: Path, image: str) -> None:
    parsed = corrections(tmp_path, task(image), task("/data/upload/b.jpg", stroke()))
    assert list(parsed.masks) == ["b"]
    (error,) = parsed.errors
    assert "[0]: expected a training image for" in error


def test_a_task_whose_name_is_no_file_name_hides_no_other_task(tmp_path: Path) -> None:
    named: dict[str, Any] = {**task("a.jpg", stroke()), "data": {"image": "a.jpg", "name": "/"}}
    parsed = corrections(tmp_path, named, task("b.jpg", stroke()))
    assert list(parsed.masks) == ["a", "b"]  # found by its address


def test_all_bad_results_of_all_tasks_are_listed(tmp_path: Path) -> None:
    bad = {"type": "polygonlabels", "value": {}}
    first = task("a.jpg", bad, stroke(), stroke(image_rotation=90), stroke(value=3))
    parsed = corrections(tmp_path, first, 7, task("b.jpg", stroke()), task("b.jpg", stroke(value=[])))
    assert list(parsed.masks) == ["b"]
    places = [error.split(": expected")[0].partition("tasks.json, ")[2] for error in parsed.errors]
    assert places == ["[1]", "[0]", "[0]", "[0]", "[3]"]
    assert ["expected result" in error for error in parsed.errors] == [False, True, True, True, True]


def test_a_name_of_a_voc_list_that_is_no_file_hides_no_other(tmp_path: Path) -> None:
    add_images(tmp_path / "JPEGImages", "a.jpg")
    (tmp_path / "Annotations").mkdir()
    (tmp_path / "Annotations/a.xml").write_text("<annotation><object><name>cat</name></object></annotation>")
    (tmp_path / "ImageSets/Main").mkdir(parents=True)
    (tmp_path / "ImageSets/Main/train.txt").write_text("/JPEGImages// x\n/JPEGImages/. x\na\n")
    parsed = voc.read_folder(tmp_path, data_params())
    assert [record.name for record in parsed.records] == ["a"]
    first, second = map(str, parsed.problems)
    assert "train.txt, line 1: expected an image below JPEGImages/" in first
    assert "Annotations/..xml: expected an annotation" in second


def test_a_broken_quote_of_labels_csv_hides_no_other_line(tmp_path: Path) -> None:
    add_images(tmp_path / "images", "a.jpg", "b.jpg", "c.jpg")
    lines = [
        "image,labels",
        'a.jpg,"cat"s',
        "b.jpg,cat",
        '"c.jpg" ,cat',
        "c.jpg,dog",
        'd.jpg,"cat',
        "e.jpg,cat",
    ]
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    parsed = csv_folder.read_folder(tmp_path, data_params())
    assert [(record.name, record.labels) for record in parsed.records] == [("b", ("cat",)), ("c", ("dog",))]
    problems = [problem for problem in parsed.problems if problem.fatal]
    # The quote in line 6 is never closed: nothing after it can be told apart.
    assert [str(p).split(": ")[0].rpartition(", ")[2] for p in problems] == ["line 2", "line 4", "line 6"]
    assert all("expected a line of CSV" in str(problem) for problem in problems)


def test_all_annotations_without_an_image_are_counted(tmp_path: Path) -> None:
    add_images(tmp_path, "a.jpg")
    document = {
        "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2}, {"id": 3, "file_name": "/"}],
        "categories": [{"id": 1, "name": "cat"}, {"id": 5}],
        "annotations": [{"image_id": i, "category_id": 1} for i in (1, 8, 9)] + [{"image_id": 1}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(document))
    parsed = coco.read_folder(tmp_path, data_params())
    assert parsed.records == ()  # what the only good image shows is not known
    messages = [str(problem) for problem in parsed.problems]
    for part in (
        "images[1]",
        "categories[1]",
        "annotations[3]",
        "others: 8 (annotations[1]), 9 (annotations[2])",
        "images[2]",
    ):
        assert sum(part in line for line in messages) == 1, part
