"""The scores that benches read from the reports of a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import scores
from pipeline.base.files import write_json, write_text
from pipeline.workflows.confusion_file import write_confusion

PARAMS = (Path(__file__).parents[2] / "params.yaml").read_text()
ROUNDS = {
    "rounds: {}": "rounds: {cam-round1: cam}",
    "supervision: [cam, full]": "supervision: [cam-round1, cam, full]",
}
CELLS = np.array([[80, 10], [4, 6]])  # rows ground truth
# Class: IoU 6 / (10 + 4 + 6) = .3, precision 6 / 16 = .375, recall 6 / 10 = .6, F1 12 / (16 + 10) = .461538.
SPOT = {"iou": 0.3, "precision": 0.375, "recall": 0.6, "f1": 0.461538}


def write_masks(reports: Path, name: str, miou: float) -> None:
    found = {
        "heatmaps": {"miou_best": miou + 0.1, "miou_chosen": miou},
        "pseudo_masks": {"miou": miou - 0.1, "precision": 0.5, "recall": 0.25, "coverage": 1.0},
        "quality": {"confidence": 0.75},
    }
    write_json(reports / "pseudo_masks" / name / "metrics.json", found)
    write_confusion(reports / "pseudo_masks" / name / "confusion.csv", ("spot",), CELLS)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], Path]:
    """Writes the reports of a run of `cam`, `cam-round1` and `full`; DVC runs nothing."""
    calls: list[Any] = []
    monkeypatch.setattr(scores, "call", lambda *command: calls.append(command))

    def write(changes: dict[str, str]) -> Path:
        text = PARAMS
        for old, new in changes.items():
            assert old in text
            text = text.replace(old, new)
        write_text(tmp_path / "params.yaml", text)
        reports = tmp_path / "reports"
        write_json(reports / "classifier/metrics.json", {"map": 0.9, "f1": None})
        write_masks(reports, "cam", 0.4)
        write_masks(reports, "cam-round1", 0.6)
        models = {"cam": {"miou": 0.5}, "cam-round1": {"miou": 0.55}, "full": {"miou": 0.8}}
        write_json(reports / "summary.json", {"segmentation": models, "weak_to_full": 0.625})
        for name in models:
            write_confusion(reports / "evaluation" / name / "confusion.csv", ("spot",), CELLS.T)
            write_json(reports / "evaluation" / name / "metrics.json", {"findings": {"spot": {"aupro": 0.7}}})
        return tmp_path

    return write


def test_scores_of_a_whole_run(project: Callable[[dict[str, str]], Path]) -> None:
    assert scores.run(project({})) == {
        "mAP": 0.9,
        "heatmaps, best": 0.5,
        "heatmaps, chosen": 0.4,
        "pseudo-masks, miou": pytest.approx(0.3),
        "pseudo-masks, precision": 0.5,
        "pseudo-masks, recall": 0.25,
        "coverage": 1.0,
        "confidence": 0.75,
        "weak": 0.5,
        "full": 0.8,
        "weak / full": 0.625,
        "minutes": 0,
    }


def test_after_self_training_heat_is_of_the_method_and_masks_of_the_round(
    project: Callable[[dict[str, str]], Path],
) -> None:
    found = scores.run(project(ROUNDS))
    assert (found["heatmaps, chosen"], found["pseudo-masks, miou"], found["weak"]) == (0.4, 0.5, 0.55)
    assert found["weak / full"] == 0.6875, "of these two, whichever round leads the summary"


@pytest.mark.parametrize("until", scores.STAGES[:-1])
def test_scores_after_the_end_of_a_run_stay_open(
    project: Callable[[dict[str, str]], Path], until: str
) -> None:
    """Files of later stages lie there, from an earlier run."""
    folder = project(ROUNDS)
    found, classes = scores.run(folder, until), list(scores.class_scores(folder, until))
    known = {name for name, value in found.items() if value is not None}
    masks = {name for name in found if name.startswith(("heat", "pseudo"))} | {"coverage", "confidence"}
    assert known == {"mAP", "minutes"} | (masks if until == scores.MASKS else set())
    if until == scores.MASKS:
        assert found["pseudo-masks, miou"] == pytest.approx(0.3), "of cam, before self-training"
    assert {name for name, _, _ in classes} == ({"pseudo-masks"} if until == scores.MASKS else set())


def test_scores_of_each_class_by_hand(project: Callable[[dict[str, str]], Path]) -> None:
    found = {(masks, label): s for masks, label, s in scores.class_scores(project({}))}
    labels = ("background", "spot")
    assert set(found) == {(masks, label) for masks in ("pseudo-masks", "weak", "full") for label in labels}
    assert found["pseudo-masks", "spot"] == pytest.approx(SPOT)
    swapped = SPOT | {"precision": SPOT["recall"], "recall": SPOT["precision"]}
    assert found["weak", "spot"] == pytest.approx(swapped | {"aupro": 0.7})


def test_a_model_that_was_not_asked_for_has_no_scores(project: Callable[[dict[str, str]], Path]) -> None:
    """Reports of another supervision may lie there."""
    folder = project({"supervision: [cam, full]": "supervision: [full]"})
    assert {masks for masks, _, _ in scores.class_scores(folder)} == {"pseudo-masks", "full"}
