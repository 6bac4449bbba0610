"""The run in numbers."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.evaluation.veto import Veto
from pipeline.params import default_method, default_supervision
from pipeline.report.results import Confusion, Results, read_confusion, read_points, read_results, read_scores
from pipeline.report.summary import summarise, summary_table, weak_to_full

VETO = Veto("doubtful", "Look at `a`.", ("x", "y"))


def make_results(
    weak: float | None, full: float | None, supervision: tuple[str, ...] = ("cam", "full"), corrected: int = 0
) -> Results:
    """By hand; `extra` stands for keys that a later version may write."""
    heat = {"miou_best": 0.5, "threshold_best": 0.4, "miou_chosen": 0.45, "threshold_chosen": 0.3, "extra": 1}
    masks = {"miou": 0.6, "precision": 0.8, "recall": 0.7, "coverage": 0.9}
    scores = {"cam": weak, "gradcampp": 0.1, "full": full}
    return Results(
        methods=("cam",),
        supervision=supervision,
        classifier={"map": 0.9, "f1": None, "extra": 1},
        average_precision={},
        label_issues=[],
        diagnosis={},
        pseudo_masks={
            "cam": {"corrected": corrected, "heatmaps": heat, "pseudo_masks": masks, "threshold": 0.3}
        },
        sweeps={},
        mask_confusion={},
        evaluation={
            s: {
                "split": "test",
                "miou": scores[s],
                "miou_standard_error": 0.0123,
                "iou_per_class": {"a": scores[s]},
                "boundary_iou": 0.2,
                "findings": {"a": {"f1": 0.3}},
            }
            for s in supervision
        },
        confusion={},
        trained_on={s: 3 if s == "full" else 8 for s in supervision},
        curves={},
        train_scores={},
        val_scores={},
    )


def test_summary_by_hand() -> None:
    assert summarise(make_results(0.6, 0.8), [VETO], {"val": {"miou": 0.5}}) == {
        "classifier": {"map": 0.9, "f1": None},
        "heatmaps": {
            "cam": {"miou_best": 0.5, "threshold_best": 0.4, "miou_chosen": 0.45, "threshold_chosen": 0.3}
        },
        "pseudo_masks": {"cam": {"miou": 0.6, "precision": 0.8, "recall": 0.7, "coverage": 0.9}},
        "segmentation": {
            "cam": {
                "miou": 0.6,
                "miou_standard_error": 0.0123,
                "iou_per_class": {"a": 0.6},
                "boundary_iou": 0.2,
                "findings": {"a": {"f1": 0.3}},
            },
            "full": {
                "miou": 0.8,
                "miou_standard_error": 0.0123,
                "iou_per_class": {"a": 0.8},
                "boundary_iou": 0.2,
                "findings": {"a": {"f1": 0.3}},
            },
        },
        "ground_truth": {"val": {"miou": 0.5}},
        "split": "test",
        "weak_to_full": 0.75,  # 0.6 / 0.8
        "supervision": ["cam", "full"],
        "corrected_masks": 0,
        "verdict": {
            "level": "doubtful",
            "vetoes": [{"level": "doubtful", "sentence": "Look at `a`.", "images": ["x", "y"]}],
        },
    }


def test_missing_scores_are_null() -> None:
    results = dataclasses.replace(
        make_results(None, None),
        classifier={},
        pseudo_masks={"cam": {}},
        evaluation={"cam": {"split": "val"}},
    )
    summary = summarise(results, [], {})
    assert summary["classifier"] == {"map": None, "f1": None}
    assert summary["heatmaps"]["cam"] == dict.fromkeys(
        ("miou_best", "threshold_best", "miou_chosen", "threshold_chosen")
    )
    assert summary["pseudo_masks"]["cam"] == dict.fromkeys(("miou", "precision", "recall", "coverage"))
    assert summary["segmentation"] == {
        "cam": dict.fromkeys(("miou", "miou_standard_error", "iou_per_class", "boundary_iou", "findings"))
    }
    assert summary["split"] == "val"


@pytest.mark.parametrize(
    ("weak", "full", "supervision", "expected"),
    [
        (0.6, 0.8, ("full", "cam", "gradcampp"), 0.75),  # the first weak one, wherever `full` stands
        (0.6, None, ("cam", "full"), None),
        (None, 0.8, ("cam", "full"), None),
        (0.6, 0.0, ("cam", "full"), None),
        (0.0, 0.8, ("cam", "full"), 0.0),  # a score of 0 is a score
        (0.6, 0.8, ("cam",), None),
        (0.6, 0.8, ("full",), None),
    ],
)
def test_ratio(
    weak: float | None, full: float | None, supervision: tuple[str, ...], expected: float | None
) -> None:
    assert weak_to_full(make_results(weak, full, supervision)) == expected


def test_leading_method_is_that_of_the_leading_model() -> None:
    assert default_supervision(["full", "gradcampp", "cam"]) == "gradcampp"
    assert default_method(["cam", "gradcampp"], ["full", "gradcampp"]) == "gradcampp"
    assert default_method(["cam", "gradcampp"], ["full"]) == "cam"


def test_table_has_the_headline_numbers() -> None:
    lines = [line.split() for line in summary_table(make_results(0.6, None), "given").splitlines()]
    assert lines[-1][:4] == ["weak", "/", "full", "–"]  # noqa: RUF001
    assert lines[3][:4] == ["test", "mIoU,", "cam", "0.600"]
    assert "0.40" in lines[1]  # the oracle's threshold


@pytest.mark.parametrize("masks", ["cam", "cam-round1", "cam-round2"])
def test_the_table_has_the_masks_that_the_leading_model_learns_from(masks: str) -> None:
    results = make_results(0.6, None)
    by_masks = {
        name: {**results.pseudo_masks["cam"], "pseudo_masks": {"miou": miou}}
        for name, miou in (("cam", 0.5), ("cam-round1", 0.6), ("cam-round2", 0.7))
    }
    results = dataclasses.replace(
        results,
        supervision=(masks,),
        pseudo_masks=by_masks,
        evaluation={masks: results.evaluation["cam"]},
        trained_on={masks: 8},
    )
    lines = [line.split() for line in summary_table(results, "given").splitlines()]
    assert lines[1][:2] == ["threshold,", "cam"]
    assert lines[2][:4] == ["pseudo-mask", "mIoU,", masks, f"{by_masks[masks]['pseudo_masks']['miou']:.3f}"]


def test_corrected_masks_are_part_of_the_supervision() -> None:
    for count, more in ((0, ""), (1, " and 1 corrected mask"), (30, " and 30 corrected masks")):
        results = make_results(0.6, 0.8, corrected=count)
        assert summarise(results, [], {})["corrected_masks"] == count
        weak, full = summary_table(results, "given").splitlines()[3:5]
        assert weak.endswith(
            f"0.600  ± 0.012 with other images; trained on the image-level labels of 8 images{more}"
        )
        assert full.endswith(
            "0.800  ± 0.012 with other images; trained on the ground-truth masks of 3 images"
        )


def test_a_model_that_was_not_trained_is_called_so() -> None:
    results = dataclasses.replace(make_results(0.6, None), trained_on={"cam": 1, "full": 0})
    weak, full = summary_table(results, "given").splitlines()[3:5]
    assert weak.endswith("0.600  ± 0.012 with other images; trained on the image-level labels of 1 image")
    assert full.endswith("–  not trained: there were no masks")  # noqa: RUF001


def test_reading(project: Callable[..., object]) -> None:
    project()
    results = read_results(Path("reports"), ("cam", "gradcampp"), ("gradcampp", "full"))
    assert results.trained_on == {"gradcampp": 6, "full": 4}
    assert results.curves["classifier"][0] == (10, pytest.approx(10**-0.3))
    assert results.train_scores["train-01"] == 0.99
    assert results.val_scores["val-06"] == 0.9


def test_tables_with_gaps(tmp_path: Path) -> None:
    file = tmp_path / "x.csv"
    file.write_text("name,miou\na,0.5\nb,\n")
    assert read_scores(file, "miou") == {"a": 0.5, "b": None}
    file.write_text("threshold,miou\n")
    assert read_points(file, "threshold", "miou") == []


def test_confusion_of_any_names(tmp_path: Path) -> None:
    file = tmp_path / "confusion.csv"
    file.write_text('ground_truth,background,"a, b"\nbackground,1,2\n"a, b",3,4\n')
    confusion = read_confusion(file)
    assert isinstance(confusion, Confusion)
    assert confusion.names == ("background", "a, b")
    np.testing.assert_array_equal(confusion.counts, [[1, 2], [3, 4]])
