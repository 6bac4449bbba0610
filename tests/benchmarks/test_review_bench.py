"""The bench of decisions: what the person who knows the ground truth says, and what the pipeline gets."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.review import copy, decide, judge, object_iou
from pipeline import paths
from pipeline.data.decisions import read_decisions
from pipeline.data.images import read_mask, write_mask
from pipeline.data.manifest import Manifest
from tests.report.review_project import pseudo_mask, true_mask, write_review_project


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Manifest]:
    root = tmp_path / "project"
    root.mkdir()
    monkeypatch.chdir(root)
    manifest = write_review_project(root)
    (root / paths.CLASSIFIER).mkdir(parents=True)
    (root / "models/segmentation/cam").mkdir(parents=True)
    (root / paths.DECISIONS.parent).mkdir()
    (root / paths.DECISIONS).write_text("old")
    return root, manifest


@pytest.mark.parametrize(
    ("truth", "mask", "iou"),
    [
        ([[1, 1, 0, 0]], [[1, 1, 0, 0]], 1.0),
        ([[1, 1, 0, 0]], [[0, 1, 1, 0]], 1 / 3),
        ([[1, 1, 2, 0]], [[1, 1, 0, 0]], 1 / 2),  # class 1 in full, class 2 missed
        ([[1, 1, 255, 0]], [[1, 1, 1, 255]], 1.0),  # an open pixel is background
        ([[0, 0, 0, 0]], [[0, 0, 0, 0]], 1.0),
        ([[0, 0, 0, 0]], [[0, 2, 0, 0]], 0.0),
    ],
)
def test_iou_of_the_objects(truth: list[list[int]], mask: list[list[int]], iou: float) -> None:
    assert object_iou(np.array(truth, np.uint8), np.array(mask, np.uint8), 3) == pytest.approx(iou)


def test_a_person_accepts_and_rejects(project: tuple[Path, Manifest]) -> None:
    write_mask(paths.MASKS / "cam/a.png", true_mask([0]))
    write_mask(paths.MASKS / "cam/e.png", np.zeros_like(true_mask([1])))
    # Of 30 rows, 24 overlap: 24 / 36.
    expected = {"a": "accepted", "b": None, "d": "accepted", "e": "rejected", "sub/c": "rejected"}
    assert judge(project[1], paths.MASKS / "cam") == expected


def test_the_pipeline_gets_what_was_decided(project: tuple[Path, Manifest], tmp_path: Path) -> None:
    source, manifest = project
    target = copy(source, tmp_path / "copy")
    assert not (target / "models/segmentation").exists()
    assert not (target / paths.DECISIONS).exists()
    said = decide(target, manifest, "cam", {"a": "accepted", "b": None, "e": "rejected"})
    assert said == " (1 accepted, 1 rejected)"
    assert (read_mask(target / paths.CORRECTIONS / "a.png") == pseudo_mask([0])).all()
    kinds = {name: found.decision for name, found in read_decisions(target / paths.DECISIONS).items()}
    assert kinds == {"a": "accepted", "e": "rejected"}
    assert decide(copy(source, target), manifest, "cam", {}) == ""
    assert not list((target / paths.CORRECTIONS).iterdir())
