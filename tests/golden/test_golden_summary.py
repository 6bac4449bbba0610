"""`reports/summary.json` against the files of the stages, read without the report's own code."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.golden.masks_by_hand import mean_iou
from tests.golden.nets_by_hand import read_ids
from tests.golden.project import CLASSES, CORRECTED, SAMPLES
from tests.golden.scores_by_hand import scores_by_hand
from tests.golden.whole_run import METHODS, SUPERVISION, finished_run

MASKS = (*METHODS, "cam-round1")


def test_summary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(finished_run(tmp_path_factory))
    summary = json.loads(Path("reports/summary.json").read_text())
    models = {name: score_predictions(name) for name in SUPERVISION}
    assert summary.keys() == {
        "classifier", "corrected_masks", "ground_truth", "heatmaps", "pseudo_masks",
        "segmentation", "split", "supervision", "verdict", "weak_to_full",
    }  # fmt: skip
    assert summary["split"] == "val"
    assert summary["segmentation"].keys() == models.keys()
    for name, scores in models.items():
        assert summary["segmentation"][name].keys() == {*scores, "miou_standard_error", "findings"}
        assert list(summary["segmentation"][name]["findings"]) == list(CLASSES)
        assert summary["segmentation"][name]["iou_per_class"] == pytest.approx(
            scores["iou_per_class"], abs=1e-6
        )
        assert summary["segmentation"][name]["miou"] == pytest.approx(scores["miou"], abs=1e-6)
        assert summary["segmentation"][name]["boundary_iou"] == pytest.approx(
            scores["boundary_iou"], abs=1e-6
        )
    assert summary["weak_to_full"] == pytest.approx(models["cam"]["miou"] / models["full"]["miou"], abs=3e-6)
    assert summary["supervision"] == list(SUPERVISION)
    assert summary["corrected_masks"] == 1
    assert summary["classifier"] == pytest.approx(classifier_scores(), abs=1e-6)
    assert summary["heatmaps"] == {name: heatmap_scores(name) for name in METHODS}
    assert summary["pseudo_masks"].keys() == set(MASKS)
    for name in MASKS:
        assert summary["pseudo_masks"][name] == pytest.approx(mask_scores(name), abs=1e-6)


def score_predictions(supervision: str) -> dict[str, Any]:
    """The scores of the predicted masks of `val`, from the masks themselves."""
    names = [sample.name for sample in SAMPLES if sample.split == "val" and sample.score]
    pairs = [
        (ground_truth(name), read_ids(Path(f"data/predictions/{supervision}/{name}.png"))) for name in names
    ]
    return scores_by_hand(pairs, ("background", *CLASSES), width=0.02)


def mask_scores(name: str) -> dict[str, float]:
    """From the masks; mIoU from the table, which is of masks without open pixels."""
    samples = [p for p in SAMPLES if p.split == "train" and p.score and p.name != CORRECTED]
    true = np.concatenate([ground_truth(sample.name).ravel() for sample in samples])
    mask = np.concatenate([read_ids(Path(f"data/masks/{name}/{p.name}.png")).ravel() for p in samples])
    true, mask = true[true != 255], mask[true != 255]
    shares = [(true[mask == i] == i).mean() for i in range(1, len(CLASSES) + 1) if (mask == i).any()]
    found = [(mask[true == i] == i).mean() for i in range(1, len(CLASSES) + 1) if (true == i).any()]
    return {
        "miou": table_miou(name),
        "precision": np.mean(shares),
        "recall": np.mean(found),
        "coverage": (mask != 255).mean(),
    }


def heatmap_scores(method: str) -> dict[str, Any]:
    """From the sweep over all thresholds; without refinement, the mIoU at the chosen one is the masks'."""
    rows = read_table(Path(f"reports/pseudo_masks/{method}/thresholds.csv"))
    best = max(rows, key=lambda row: float(row["miou"]))  # the first of equal ones
    threshold = json.loads(Path(f"reports/pseudo_masks/{method}/metrics.json").read_text())["threshold"]
    return {
        "miou_best": float(best["miou"]),
        "threshold_best": float(best["threshold"]),
        "miou_chosen": pytest.approx(table_miou(method), abs=1e-6),
        "threshold_chosen": threshold,
    }


def table_miou(name: str) -> float:
    """From the confusion matrix of the refined masks."""
    rows = read_table(Path(f"reports/pseudo_masks/{name}/confusion.csv"))
    return mean_iou(np.array([[int(row[label]) for label in ("background", *CLASSES)] for row in rows]))


def classifier_scores() -> dict[str, float]:
    """Means over the classes that have a score."""
    rows = read_table(Path("reports/classifier/classes.csv"))
    columns = {"map": "average_precision", "f1": "f1"}
    return {key: np.mean([float(row[c]) for row in rows if row[c]]) for key, c in columns.items()}


def ground_truth(name: str) -> np.ndarray:
    return read_ids(Path(f"data/masks/full/{name}.png"))


def read_table(file: Path) -> list[dict[str, str]]:
    with file.open() as text:
        return list(csv.DictReader(text))
