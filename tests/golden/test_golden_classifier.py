"""The classifier's scores and its heatmaps, each by the stage's `main()`, against the definitions."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML
from safetensors.numpy import save_file

from pipeline.stages import make_heatmaps, train_classifier
from pipeline.workflows import classifier_scores
from tests.end_to_end.project import change_params
from tests.golden.nets_by_hand import class_probabilities, heatmap, read_heat, read_tensors
from tests.golden.project import CLASSES, COLOURS, LONG_SIDE, SAMPLES, draw, write_classifier

SAVED = Path("models/classifier/model.safetensors")
REPORT = Path("reports/classifier")


def rows(file: Path) -> list[dict[str, str]]:
    with file.open(encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def number(cell: str) -> float | None:
    return float(cell) if cell else None


def average_precision(positive: Sequence[bool], scores: Sequence[float]) -> float | None:
    """Each rise of the recall times the precision there, over the distinct scores from the highest down."""
    area, recall = 0.0, 0.0
    for threshold in sorted(set(scores), reverse=True):
        taken = [p for p, s in zip(positive, scores, strict=True) if s >= threshold]
        area += (sum(taken) / max(1, sum(positive)) - recall) * sum(taken) / len(taken)
        recall = sum(taken) / max(1, sum(positive))
    return area if any(positive) else None


def f1(positive: Sequence[bool], scores: Sequence[float]) -> float | None:
    """2 TP / (2 TP + FP + FN) at the probability 0.5."""
    pairs = [(p, s >= 0.5) for p, s in zip(positive, scores, strict=True)]
    hits, misses = pairs.count((True, True)), pairs.count((True, False)) + pairs.count((False, True))
    return 2 * hits / (2 * hits + misses) if hits or misses else None


def mean_of(values: Sequence[float | None]) -> float | None:
    """Of those that exist."""
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


@pytest.mark.usefixtures("project")
def test_the_scores_are_those_of_the_saved_network_on_val() -> None:
    training = {"steps": 30, "lr": 0.02}
    change_params(Path(), {f"classifier.training.{key}": value for key, value in training.items()})
    train_classifier.main()
    weights = read_tensors(SAVED)
    probabilities = {p.name: class_probabilities(weights, draw(p)[0], LONG_SIDE) for p in SAMPLES}
    val = [sample for sample in SAMPLES if sample.split == "val"]
    ground_truth = [[c in p.labels for p in val] for c in range(3)]
    scores = [[float(probabilities[p.name][c]) for p in val] for c in range(3)]
    expected = [(average_precision(*pair), f1(*pair)) for pair in zip(ground_truth, scores, strict=True)]
    written = rows(REPORT / "classes.csv")
    assert [row["class"] for row in written] == list(CLASSES)
    for row, (ap, f) in zip(written, expected, strict=True):
        assert number(row["average_precision"]) == pytest.approx(ap, abs=1e-6)
        assert number(row["f1"]) == pytest.approx(f, abs=1e-6)
    means = {"map": mean_of([ap for ap, _ in expected]), "f1": mean_of([f for _, f in expected])}
    metrics = json.loads((REPORT / "metrics.json").read_text())
    assert {key: metrics[key] for key in means} == pytest.approx(means, abs=1e-6)


@pytest.mark.usefixtures("project")
def test_the_label_issues_are_the_labels_of_train_and_val_that_it_contradicts() -> None:
    train_classifier.main()
    weights = read_tensors(SAVED)
    expected = []
    for sample in SAMPLES:
        actual = class_probabilities(weights, draw(sample)[0], LONG_SIDE)
        for c, probability in enumerate(actual):
            labelled = c in sample.labels
            distance = abs(labelled - probability)
            if distance > 0.5 and sample.split != "test":
                row = (sample.name, sample.split, CLASSES[c], str(int(labelled)))
                expected.append((distance, row, probability))
    expected.sort(reverse=True)
    written = rows(REPORT / "label_issues.csv")
    assert len(expected) >= 5
    assert [tuple(row.values())[:4] for row in written] == [row for _, row, _ in expected]
    probabilities = [float(row["probability"]) for row in written]
    assert probabilities == pytest.approx([p for _, _, p in expected], abs=0.5e-4 + 1e-6)  # 4 digits
    assert json.loads((REPORT / "metrics.json").read_text())["label_issues"] == len(expected)


@pytest.mark.usefixtures("project")
def test_label_issues_that_are_not_listed_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier_scores, "MOST_ISSUES", 2)
    train_classifier.main()
    assert len(rows(REPORT / "label_issues.csv")) == 2
    assert json.loads((REPORT / "metrics.json").read_text())["label_issues"] >= 5


HEATMAPS: list[dict[str, object]] = [
    {"scales": [1.0, 1.5], "flip": True, "walk.restart": 1.0},
    {"scales": [0.75, 1.25, 1.0], "flip": False, "walk.restart": 1.0},
    {"scales": [1.0, 1.5], "flip": True, "walk.restart": 0.2, "walk.scale": 1.5, "batch_size": 1},
    {"walk.restart": 0.2, "walk.features": "stub", "walk.weights": "other.safetensors", "walk.share": 0.7},
]


def write_other_encoder(file: Path) -> None:
    """The stub with other colours, as a file of weights."""
    rng = np.random.default_rng(5)
    state = {
        "encoder.colours.weight": rng.normal(size=(len(COLOURS), 3, 1, 3)),
        "encoder.colours.bias": rng.normal(size=len(COLOURS)),
    }
    save_file({name: values.astype(np.float32) for name, values in state.items()}, file)


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("changes", HEATMAPS)
def test_heatmaps_of_the_training_images(changes: dict[str, object]) -> None:
    change_params(Path(), {f"heatmaps.{key}": value for key, value in changes.items()})
    write_classifier()
    write_other_encoder(Path("other.safetensors"))
    make_heatmaps.main()
    weights, section = read_tensors(SAVED), YAML(typ="safe").load(Path("params.yaml"))["heatmaps"]
    labelled = [sample for sample in SAMPLES if sample.split == "train" and sample.labels]
    for method in ("cam", "gradcampp"):
        stored = read_heat(Path("data/heatmaps") / method)
        assert sorted(stored) == [sample.name for sample in labelled]
        for sample in labelled:
            assert stored[sample.name].dtype == np.uint8
            assert len(stored[sample.name]) == len(sample.labels)
            for heat, label in zip(stored[sample.name], sample.labels, strict=True):
                expected = heatmap(method, weights, draw(sample)[0], label, section, LONG_SIDE)
                # Rounded to a level: half a level, and what float32 adds.
                np.testing.assert_allclose(heat, expected * 255, atol=0.5 + 1e-3)
