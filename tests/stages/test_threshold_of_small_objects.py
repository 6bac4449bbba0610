"""The threshold `auto`: what evidence, outlines and `heatmaps.objects` say, and the words of the report."""

import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline import paths
from pipeline.data.manifest import Manifest, Sample
from pipeline.heatmaps.evidence import Evidence, write_evidence
from pipeline.heatmaps.store import write_index, write_shard
from pipeline.masks.otsu_threshold import POWER, heat_histogram, otsu
from pipeline.params import load_params
from pipeline.stages.report import how_chosen
from pipeline.workflows.heatmap_threshold import MUCH_STEEPER, candidate_thresholds, thresholded_heatmaps

SMALL = Evidence(area=0.05, area_low=0.04, area_high=0.07, elevation=0.03, recognised=0.7)
HEIGHT, WIDTH, REACH = 160, 200, 75.0
GREEN, RED = (40, 160, 60), (200, 40, 40)


def distances(height: int, width: int) -> np.ndarray:
    """From the middle of the image, in its pixels; for heat of fewer cells too."""
    y, x = np.mgrid[:height, :width] + 0.5
    return np.hypot(y * HEIGHT / height - HEIGHT / 2, x * WIDTH / width - WIDTH / 2)


@pytest.fixture
def heat(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Heat that falls with the distance from the middle of the image; the image is green."""
    monkeypatch.setattr(paths, "HEATMAPS", tmp_path)
    stored = (np.clip(1 - distances(40, 50)[None] / REACH, 0, 1) * 255).round().astype(np.uint8)
    write_shard(tmp_path / "cam", 0, {"a": stored})
    write_index(tmp_path / "cam", [["a"]])
    draw(tmp_path, 0)
    return stored


def draw(folder: Path, radius: float) -> None:
    """The image with a red disc in its middle."""
    inside = (distances(HEIGHT, WIDTH) < radius)[..., None]
    Image.fromarray(np.where(inside, RED, GREEN).astype(np.uint8)).save(folder / "a.png")


def manifest(background: bool = True) -> Manifest:
    sample = Sample("a", "a.png", "", HEIGHT, WIDTH, (0,), "train", False, False)
    return Manifest(str(paths.HEATMAPS), ("crack",), (sample,), background)


def threshold(setting: str | float = "auto", objects: str = "auto", background: bool = True) -> float | None:
    params = load_params().pseudo_masks.model_copy(update={"threshold": setting})
    work = Path(tempfile.mkdtemp(dir=paths.HEATMAPS))
    return thresholded_heatmaps("cam", params, manifest(background), objects, work).threshold


def by_otsu(heat: np.ndarray) -> float:
    return round(otsu(heat_histogram(heat), POWER), 4)


def test_where_the_image_says_nothing_heat_covers_the_area_of_small_objects(heat: np.ndarray) -> None:
    for area in (0.01, 0.05, 0.2):
        write_evidence([paths.HEATMAPS / "cam"], replace(SMALL, area=area))
        chosen = threshold()
        assert (heat / 255 > chosen).mean() == pytest.approx(area, abs=0.01)
        assert (heat / 255 > chosen).mean() <= area


@pytest.mark.parametrize("radius", [8, 15])
def test_small_objects_that_are_smaller_than_their_area_end_where_the_image_says(
    heat: np.ndarray, radius: float
) -> None:
    write_evidence([paths.HEATMAPS / "cam"], SMALL)  # 5 % of this image: a radius of 22.6 pixels
    draw(paths.HEATMAPS, radius)
    assert REACH * (1 - threshold()) == pytest.approx(radius, abs=3)


def test_the_area_bounds_small_objects(heat: np.ndarray) -> None:
    write_evidence([paths.HEATMAPS / "cam"], replace(SMALL, area=0.01))
    draw(paths.HEATMAPS, 30)  # as a leaf around its spot: its outline is the steepest one
    assert (heat / 255 > threshold()).mean() <= 0.01


@pytest.mark.parametrize("evidence", [None, replace(SMALL, elevation=0.2), replace(SMALL, area=0.9)])
def test_without_such_evidence_the_outlines_have_to_be_much_steeper(
    heat: np.ndarray, evidence: Evidence | None
) -> None:
    if evidence is not None:
        write_evidence([paths.HEATMAPS / "cam"], evidence)
    assert threshold() == by_otsu(heat)
    draw(paths.HEATMAPS, 8)
    assert candidate_thresholds(paths.HEATMAPS / "cam", manifest()).times > MUCH_STEEPER
    assert REACH * (1 - threshold()) == pytest.approx(8, abs=3)
    draw(paths.HEATMAPS, REACH * (1 - by_otsu(heat)) - 1)  # Otsu's outline is that of the object
    assert candidate_thresholds(paths.HEATMAPS / "cam", manifest()).times < MUCH_STEEPER
    assert threshold() == by_otsu(heat)


def test_otsu_has_the_word_where_a_person_says_that_objects_are_large(heat: np.ndarray) -> None:
    draw(paths.HEATMAPS, 8)
    assert threshold(objects="large") == by_otsu(heat)


def test_a_given_threshold_counts_and_without_background_there_is_none(heat: np.ndarray) -> None:
    write_evidence([paths.HEATMAPS / "cam"], SMALL)
    assert (threshold(0.3), threshold(background=False)) == (0.3, None)


def test_the_report_says_why(heat: np.ndarray) -> None:
    assert how_chosen("auto", "cam") == "chosen without masks"
    write_evidence([paths.HEATMAPS / "cam"], SMALL)
    assert how_chosen("auto", "cam") == (
        "chosen without masks, for small objects: at most 5.0% of an image (4.0% to 7.0% with other images) "
        "looks unlike images without the class"
    )
    assert how_chosen(0.4, "cam") == "given in params.yaml"
    assert how_chosen("calibrated", "cam") == "chosen with the corrected masks"


def test_masks_of_a_person_choose_the_threshold_auto_alone(heat: np.ndarray) -> None:
    assert how_chosen("auto", "cam", by_masks=True) == "chosen with the corrected masks"
    assert how_chosen(0.4, "cam", by_masks=True) == "given in params.yaml"


@pytest.mark.parametrize(
    ("low", "high", "unsure"), [(0.04, 0.07, False), (0.03, 0.06, False), (0.03, 0.07, True), (0, 0.01, True)]
)
def test_an_area_that_other_images_would_double_is_unsure(
    heat: np.ndarray, low: float, high: float, unsure: bool
) -> None:
    write_evidence([paths.HEATMAPS / "cam"], replace(SMALL, area_low=low, area_high=high))
    assert ("unsure" in how_chosen("auto", "cam")) == unsure
