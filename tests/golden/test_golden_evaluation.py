"""Predictions and their scores through the stage `evaluate`, against sums by hand, to six digits."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from pipeline.evaluation.probability_histograms import aupro, probability_histograms
from pipeline.stages import evaluate
from tests.golden import project
from tests.golden.masks_by_hand import crf
from tests.golden.nets_by_hand import read_ids
from tests.golden.project import CLASSES, GoldenSample, make_project
from tests.golden.scores_by_hand import scores_by_hand, softmax, views_by_hand
from tests.golden.segmentation_stub import use_slanted_net

NAMES = ("background", *CLASSES)
LONG_SIDE = 48
SCALES = (0.5, 2.0)
SIDES = (24, 96)  # the longer one at these scales: the network is surer of the first
EVALUATION: dict[str, object] = {
    "data.long_side": LONG_SIDE,
    "evaluation.scales": list(SCALES),
    "evaluation.flip": True,
    "evaluation.boundary": 0.04,
}
ROUNDING = {"none": 1e-5, "crf": 1e-3}  # of probabilities in float32, and after the CRF has made more of it


REPORTS = Path("reports/evaluation/cam")
UNSCORED = GoldenSample("i", (0,), "val", (40, 52), score=False)


@pytest.mark.parametrize("refine", ["none", "crf"])
def test_predictions_and_their_scores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refine: str) -> None:
    if refine == "crf":
        pytest.importorskip("pydensecrf")
    monkeypatch.setattr(project, "SAMPLES", (*project.SAMPLES, UNSCORED))
    make_project(tmp_path, monkeypatch, {**EVALUATION, "evaluation.refine": refine})
    use_slanted_net(monkeypatch, Path("models/segmentation/cam"), list(CLASSES), LONG_SIDE)
    evaluate.main("cam")
    val = [sample for sample in project.SAMPLES if sample.split == "val"]
    assert sorted(file.stem for file in Path("data/predictions/cam").iterdir()) == [p.name for p in val]
    for sample in val:
        assert_predicted(sample, refine)
    assert_scored([sample.name for sample in val if sample.score])
    assert_findings(val)


def test_the_case_tells_wrong_means_apart() -> None:
    """On the first image, other ways to join the views give other masks, on more than rounding explains."""
    image, _ = project.draw(next(sample for sample in project.SAMPLES if sample.split == "val"))
    views = views_by_hand(image, SIDES)
    right = np.mean([softmax(view) for view in views], 0).argmax(0)
    of_logits, one_scale = np.mean(views, 0), np.mean([softmax(view) for view in views[:2]], 0)
    without_flip = np.mean([softmax(view) for view in views[::2]], 0)
    for wrong in (of_logits, one_scale, without_flip):
        assert (wrong.argmax(0) != right).mean() > 0.05


def assert_predicted(sample: GoldenSample, refine: str) -> None:
    """The mask is the most probable label of the mean probabilities, wherever rounding does not decide."""
    image = read_ids(Path(f"data/photos/images/{sample.name}.png"))
    mask = read_ids(Path(f"data/predictions/cam/{sample.name}.png"))
    probabilities = np.mean([softmax(view) for view in views_by_hand(image, SIDES)], 0)
    (row,) = (row for row in read_table(REPORTS / "images.csv") if row["name"] == sample.name)
    assert float(row["confidence"]) == pytest.approx(confidence(mask, probabilities), abs=1e-6)
    if refine == "crf":
        before = probabilities.argmax(0)
        probabilities = refined(image, probabilities)
        assert (probabilities.argmax(0) != before).any()
    second, highest = np.sort(probabilities, 0)[-2:]
    clear = highest - second > ROUNDING[refine]
    assert clear.mean() > 0.99
    assert np.array_equal(mask[clear], probabilities.argmax(0)[clear])


def confidence(mask: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean over the labels of the mask, the background only where alone, of their probability there."""
    ids = [int(label) for label in np.unique(mask) if label] or [0]
    return float(np.mean([probabilities[label][mask == label].mean() for label in ids]))


def refined(image: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    """The CRF among the background and the labels that win somewhere; others get 0."""
    ids = sorted({0, *probabilities.argmax(0).ravel().tolist()})
    section = YAML(typ="safe").load(Path("params.yaml").read_text())["pseudo_masks"]["crf"]
    result = np.zeros_like(probabilities)
    result[ids] = crf(image, probabilities[ids] / probabilities[ids].sum(0), section)
    return result


def assert_scored(names: list[str]) -> None:
    """All reports are those of these predictions and no others."""
    pairs = [
        (read_ids(Path(f"data/masks/full/{n}.png")), read_ids(Path(f"data/predictions/cam/{n}.png")))
        for n in names
    ]
    metrics = json.loads((REPORTS / "metrics.json").read_text())
    expected = scores_by_hand(pairs, NAMES, width=0.04)
    assert metrics["iou_per_class"] == pytest.approx(expected["iou_per_class"], abs=1e-6)
    for score in ("miou", "boundary_iou"):
        assert metrics[score] == pytest.approx(expected[score], abs=1e-6)
    by_name = {
        name: scores_by_hand([pair], NAMES, 0.04)["miou"] for name, pair in zip(names, pairs, strict=True)
    }
    rows = read_table(REPORTS / "images.csv")
    assert {row["name"]: float(row["miou"]) for row in rows if row["miou"]} == pytest.approx(
        by_name, abs=1e-6
    )
    assert [row["name"] for row in rows if not row["miou"]] == [UNSCORED.name]
    for row, true_id in zip(read_table(REPORTS / "confusion.csv"), range(len(NAMES)), strict=True):
        counts = [
            sum(int(((t == true_id) & (p == label)).sum()) for t, p in pairs) for label in range(len(NAMES))
        ]
        assert row == {"ground_truth": NAMES[true_id], **dict(zip(NAMES, map(str, counts), strict=True))}


def assert_findings(val: list[GoldenSample]) -> None:
    """Pixels by the masks of scored images, thresholds by the model, images by all of `val`."""
    findings = json.loads((REPORTS / "metrics.json").read_text())["findings"]
    photos = {sample.name: read_ids(Path(f"data/photos/images/{sample.name}.png")) for sample in val}
    by_model = {name: np.mean(list(map(softmax, views_by_hand(p, SIDES))), 0) for name, p in photos.items()}
    scored = [sample.name for sample in val if sample.score]
    truths = {name: read_ids(Path(f"data/masks/full/{name}.png")) for name in scored}
    masks = {name: read_ids(Path(f"data/predictions/cam/{name}.png")) for name in scored}
    histograms = sum(probability_histograms(truths[name], by_model[name]) for name in scored)
    for label, (name, found) in enumerate(findings.items(), 1):
        assert name == NAMES[label]
        hits = sum(int(((truths[n] == label) & (masks[n] == label)).sum()) for n in scored)
        true = sum(int((truths[n] == label).sum()) for n in scored)
        predicted = sum(int(((masks[n] == label) & (truths[n] != 255)).sum()) for n in scored)
        assert found["recall"] == (pytest.approx(hits / true, abs=1e-6) if true else None)
        if true and predicted:
            assert found["precision"] == pytest.approx(hits / predicted, abs=1e-6)
            assert found["f1"] == pytest.approx(2 * hits / (true + predicted), abs=1e-6)
        if true:
            assert found["aupro"] == pytest.approx(aupro(histograms[label]), abs=1e-3)
        highest = {sample.name: by_model[sample.name][label].max() for sample in val}
        pairs = [
            highest[one.name] > highest[other.name]
            for one in val for other in val if label - 1 in one.labels and label - 1 not in other.labels
        ]  # fmt: skip
        assert found["image_auroc"] == (pytest.approx(np.mean(pairs), abs=1e-6) if pairs else None)


def read_table(file: Path) -> list[dict[str, str]]:
    with file.open() as text:
        return list(csv.DictReader(text))
