"""From heatmaps, or from a segmentation model, to the published masks and their scores; by `main()` each."""

import csv
import json
from collections.abc import Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ruamel.yaml import YAML

from pipeline.stages import make_heatmaps, make_pseudo_masks, self_train
from tests.end_to_end.project import change_params
from tests.golden.masks_by_hand import (
    GRID,
    LABELS,
    SCORED,
    UNCORRECTED,
    ExpectedMasks,
    count,
    curve,
    make,
    mask_confidence,
    mean_iou,
    metrics,
    otsu,
    seed_labels,
    shares,
    total,
    wide,
)
from tests.golden.nets_by_hand import Array, Ids, label_shares, read_heat, read_ids, read_tensors
from tests.golden.project import (
    CLASSES,
    CORRECTED,
    LONG_SIDE,
    SAMPLES,
    GoldenSample,
    draw,
    write_classifier,
    write_segmentation,
)

pytestmark = [
    pytest.mark.usefixtures("project"),
    pytest.mark.skipif(not find_spec("pydensecrf"), reason="pydensecrf is not installed"),
]
First = tuple[Mapping[str, Ids], float]
HAND = Path("data/corrections") / f"{CORRECTED}.png"


def section(name: str) -> dict[str, Any]:
    values: dict[str, Any] = YAML(typ="safe").load(Path("params.yaml"))[name]
    return values


def table(name: str, target: str) -> list[dict[str, str]]:
    with Path("reports/pseudo_masks", target, name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def check(target: str, stored: Mapping[str, Ids], threshold: float, first: First | None = None) -> None:
    """Hold all that a stage wrote of `target` against what `stored` heat should give.

    `first`: the heat and the threshold of the masks before; `stored` is that of a model trained on them.
    """
    values = section("pseudo_masks")
    expected_masks = {
        p.name: make(wide(stored, p), p, threshold, values, odds=first is not None) for p in UNCORRECTED
    }
    if first:
        expected_masks = {
            p.name: judged(expected_masks[p.name], wide(first[0], p), p, first[1]) for p in UNCORRECTED
        }
    check_masks(Path("data/masks", target), expected_masks)
    points = curve(stored)
    check_tables(target, points, expected_masks)
    written = json.loads(Path("reports/pseudo_masks", target, "metrics.json").read_text())
    judged_at = first[1] if first else threshold
    chosen = {"refine": values["refine"], "confidence_threshold": judged_at}
    expected = metrics(points, expected_masks, threshold) | chosen
    assert written.keys() == expected.keys()
    for key, value in expected.items():
        assert written[key] == pytest.approx(value, abs=1e-6)


def judged(one: ExpectedMasks, heat: Array, sample: GoldenSample, threshold: float) -> ExpectedMasks:
    """`one` with the confidence that other heat gives it."""
    probabilities = shares(heat, threshold, odds=False)
    return replace(one, confidence=mask_confidence(one.mask, probabilities, sample.labels))


def check_masks(folder: Path, expected_masks: Mapping[str, ExpectedMasks]) -> None:
    assert sorted(file.stem for file in folder.glob("*.png")) == sorted([*expected_masks, CORRECTED])
    for name, one in expected_masks.items():
        np.testing.assert_array_equal(read_ids(folder / f"{name}.png"), one.mask)
    np.testing.assert_array_equal(read_ids(folder / f"{CORRECTED}.png"), read_ids(HAND))
    assert (folder / "corrected.txt").read_text() == f"{CORRECTED}\n"


def check_tables(target: str, curve: list[float], expected_masks: Mapping[str, ExpectedMasks]) -> None:
    images = {row["name"]: row for row in table("images.csv", target)}
    assert list(images) == [sample.name for sample in SAMPLES if sample.split == "train"]
    assert {name for name, row in images.items() if row["corrected"] != "0"} == {CORRECTED}
    for name, one in expected_masks.items():
        assert float(images[name]["confidence"]) == pytest.approx(one.confidence, abs=1e-6)
    unscored = {name for name, row in images.items() if not row["miou_before"] + row["miou_after"]}
    assert unscored == {*images} - {sample.name for sample in SCORED}
    for sample in SCORED:
        row, ground_truth, one = images[sample.name], draw(sample)[1], expected_masks[sample.name]
        for key, mask in (("miou_before", one.seed), ("miou_after", one.refined)):
            assert float(row[key]) == pytest.approx(mean_iou(count(ground_truth, mask, LABELS)), abs=1e-6)
    points = [tuple(map(float, row.values())) for row in table("thresholds.csv", target)]
    np.testing.assert_allclose(points, list(zip(GRID, curve, strict=True)), atol=1e-6)
    names = ("background", *CLASSES)
    rows = [
        {"ground_truth": name, **dict(zip(names, map(str, line), strict=True))}
        for name, line in zip(names, total(expected_masks, "refined")[:, :LABELS].tolist(), strict=True)
    ]
    assert table("confusion.csv", target) == rows


@pytest.mark.parametrize("method", ["cam", "gradcampp"])
def test_masks_at_the_threshold_that_is_chosen_without_masks(method: str) -> None:
    write_classifier()
    make_heatmaps.main()
    make_pseudo_masks.main(method)
    stored = read_heat(Path("data/heatmaps") / method)
    check(method, stored, round(otsu(list(stored.values()), 1.5), 4))


def test_masks_at_the_threshold_that_suits_the_corrected_mask() -> None:
    change_params(Path(), {"pseudo_masks.threshold": "calibrated", "pseudo_masks.band": 0.1})
    write_classifier()
    make_heatmaps.main()
    make_pseudo_masks.main("cam")
    stored = read_heat(Path("data/heatmaps/cam"))
    (sample,) = (sample for sample in SAMPLES if sample.name == CORRECTED)
    best = best_threshold(wide(stored, sample), sample, read_ids(HAND))
    assert best != best_threshold(
        wide(stored, sample), sample, draw(sample)[1]
    )  # else all masks would do too
    check("cam", stored, best)


def best_threshold(heat: Array, sample: GoldenSample, ground_truth: Ids) -> float:
    miou = [mean_iou(count(ground_truth, seed_labels(heat, sample.labels, t), LABELS)) for t in GRID]
    return GRID[miou.index(max(miou))]


@pytest.mark.parametrize(("scales", "flip"), [([1.0, 1.25, 1.5], True), ([0.75, 1.5], False)])
def test_masks_by_a_model_within_the_labels_of_each_image(scales: list[float], flip: bool) -> None:
    change_params(Path(), {"self_training.scales": scales, "self_training.flip": flip})
    write_classifier()
    make_heatmaps.main()
    make_pseudo_masks.main("cam")
    write_segmentation("cam")
    self_train.main("cam-round1")
    weights = read_tensors(Path("models/segmentation/cam/model.safetensors"))
    looks = section("self_training")
    stored = {
        sample.name: label_shares(weights, draw(sample)[0], sample.labels, looks, LONG_SIDE)
        for sample in UNCORRECTED
        if sample.labels
    }
    heat = read_heat(Path("data/heatmaps/cam"))
    check("cam-round1", stored, 0.5, (heat, round(otsu(list(heat.values()), 1.5), 4)))
