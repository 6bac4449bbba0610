"""The threshold `auto` beside evidence that objects are small, and what the report says of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import paths
from pipeline.data.manifest import Manifest, Sample
from pipeline.heatmaps.evidence import Evidence, write_evidence
from pipeline.heatmaps.store import write_index, write_shard
from pipeline.masks.otsu_threshold import POWER, heat_histogram, otsu
from pipeline.params import load_params
from pipeline.stages.report import how_chosen
from pipeline.workflows.heatmap_threshold import thresholded_heatmaps

SMALL = Evidence(area=0.05, area_low=0.04, area_high=0.07, elevation=0.03, recognised=0.7, unlabelled=40)


@pytest.fixture
def heat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    monkeypatch.setattr(paths, "HEATMAPS", tmp_path)
    stored = (np.random.default_rng(0).beta(1, 2, (1, 40, 50)) * 255).astype(np.uint8)
    write_shard(tmp_path / "cam", 0, {"a": stored})
    write_index(tmp_path / "cam", [["a"]])
    return stored


def threshold(setting: str | float = "auto", background: bool = True) -> float | None:
    sample = Sample("a", "a.png", "", 160, 200, (0,), "train", False, False)
    params = load_params().pseudo_masks.model_copy(update={"threshold": setting})
    return thresholded_heatmaps("cam", params, Manifest("", ("crack",), (sample,), background)).threshold


@pytest.mark.parametrize("area", [0.01, 0.05, 0.2])
def test_heat_covers_the_area_of_small_objects(heat: np.ndarray, area: float) -> None:
    write_evidence([paths.HEATMAPS / "cam"], replace(SMALL, area=area))
    chosen = threshold()
    assert (heat / 255 > chosen).mean() == pytest.approx(area, abs=0.01)
    assert (heat / 255 > chosen).mean() <= area


@pytest.mark.parametrize("evidence", [None, replace(SMALL, elevation=0.2), replace(SMALL, area=0.9)])
def test_otsu_has_the_word_where_objects_are_not_small(heat: np.ndarray, evidence: Evidence | None) -> None:
    if evidence is not None:
        write_evidence([paths.HEATMAPS / "cam"], evidence)
    assert threshold() == round(otsu(heat_histogram(heat), POWER), 4)


def test_a_given_threshold_counts_and_without_background_there_is_none(heat: np.ndarray) -> None:
    write_evidence([paths.HEATMAPS / "cam"], SMALL)
    assert (threshold(0.3), threshold(background=False)) == (0.3, None)


def test_the_report_says_why(heat: np.ndarray) -> None:
    assert how_chosen("auto", "cam") == "chosen without masks"
    write_evidence([paths.HEATMAPS / "cam"], SMALL)
    assert how_chosen("auto", "cam") == (
        "chosen without masks, for small objects: 5.0% of an image (4.0% to 7.0% with other images) "
        "looks unlike images without the class"
    )
    assert how_chosen(0.4, "cam") == "given in params.yaml"
    assert how_chosen("calibrated", "cam") == "chosen with the corrected masks"


@pytest.mark.parametrize("area", [None, 0.0, 0.5])
def test_masks_choose_the_threshold_where_there_are_two(heat: np.ndarray, area: float | None) -> None:
    if area is not None:
        write_evidence([paths.HEATMAPS / "cam"], replace(SMALL, area=area))
    expected = "chosen with the corrected masks" if area else "chosen without masks"
    assert how_chosen("auto", "cam", by_masks=True) == expected
    assert how_chosen(0.4, "cam", by_masks=True) == "given in params.yaml"


@pytest.mark.parametrize(
    ("low", "high", "unsure"), [(0.04, 0.07, False), (0.03, 0.06, False), (0.03, 0.07, True), (0, 0.01, True)]
)
def test_an_area_that_other_images_would_double_is_unsure(
    heat: np.ndarray, low: float, high: float, unsure: bool
) -> None:
    write_evidence([paths.HEATMAPS / "cam"], replace(SMALL, area_low=low, area_high=high))
    assert ("unsure" in how_chosen("auto", "cam")) == unsure
