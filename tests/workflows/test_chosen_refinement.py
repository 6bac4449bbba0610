"""`refine: auto` chooses between pixels and the CRF by the contrast of regions, or by corrected masks."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import paths
from pipeline.base.files import read_json, write_npz
from pipeline.data.images import write_image
from pipeline.data.manifest import Sample
from pipeline.evaluation.confusion import confusion_matrix, mean_iou
from pipeline.heatmaps.evidence import Evidence, write_evidence
from pipeline.masks.region_contrast import region_contrast
from pipeline.workflows.heatmap_threshold import Candidates
from pipeline.workflows.learnt_pixels import FILE
from pipeline.workflows.learnt_refinement import measured_file, with_learnt
from pipeline.workflows.object_colours import FILE as COLOURS
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob
from pipeline.workflows.refinement import FEW, choosing_masks
from pipeline.workflows.refiner_scores import Regions, compared_samples, measure_regions
from tests.workflows.test_learnt_pixels import (
    CLASSES,
    GRASS,
    HEAT,
    HEATED,
    SAND,
    SIZE,
    WATER,
    folder,  # noqa: F401  a fixture
    job,
    make_set,
    manifest,
    mask_of,
    photo,
    samples,
    true_mask,
)

LIKE_SAND = (SAND, SAND)
SMALL = Evidence(0.05, 0.04, 0.06, 0.01, 0.9)


def auto(threshold: str | float = 0.5) -> PseudoMaskJob:
    """What `auto` makes of a job with this `pseudo_masks.threshold`."""
    return with_learnt(asking("auto", threshold), manifest(), seed=0)


def asking(refine: str, threshold: str | float = 0.5) -> PseudoMaskJob:
    """A job at the threshold 0.5."""
    made = job(refine)
    return replace(made, params=made.params.model_copy(update={"threshold": threshold}))


def contrast(made: PseudoMaskJob, shown: list[Sample]) -> float:
    images = {sample.name: photo(sample, (WATER, GRASS)) for sample in shown}
    return float(np.mean([region_contrast(images[s.name], mask_of(made, s) > 0) for s in shown]))


def measured(refine: str, work: str = "work") -> list[float]:
    """What a work folder keeps of the masks of a refinement."""
    return read_json(measured_file(Path(work), refine))


def correct(count: int, masks: str) -> list[Sample]:
    """Corrected masks of the first images: their regions, or what the CRF makes of their heat."""
    corrected = samples()[:count]
    for sample in corrected:
        mask = true_mask(sample) if masks == "regions" else mask_of(job("crf"), sample)
        write_image(paths.CORRECTED / f"{sample.name}.png", mask)
    return corrected


def test_pixels_are_taken_where_their_regions_stand_out_more() -> None:
    make_set()
    made = auto()
    assert made == replace(asking("pixels"), pixels=Path("work") / FILE)
    by_hand = [contrast(one, compared_samples(manifest())) for one in (job("crf"), made)]
    assert [measured(name)[0] for name in ("crf", "pixels")] == pytest.approx(by_hand)
    assert by_hand[1] > 1.2 * by_hand[0]


def test_the_crf_is_taken_where_pixels_show_no_regions() -> None:
    make_set(LIKE_SAND)
    assert auto() == asking("crf")
    asked_for = with_learnt(job("pixels"), manifest(), seed=0)
    assert asked_for == replace(job("pixels"), pixels=Path("work") / FILE)


def test_a_stage_that_goes_on_reads_what_was_found() -> None:
    make_set()
    learnt = auto()
    for sample in samples():
        Path(sample.image).unlink()
    assert auto() == learnt


@pytest.mark.parametrize("masks", ["regions", "crf"])
def test_corrected_masks_choose(masks: str) -> None:
    make_set()
    corrected = correct(2 * FEW, masks)
    made = auto()
    assert (made.params.refine == "crf") == (masks == "crf")
    assert made.work == Path("work")
    counts = sum(
        confusion_matrix(true_mask(s) if masks == "regions" else mask_of(job("crf"), s), mask_of(made, s), 3)
        for s in corrected
    )
    scores = [measured(name, "work/threshold-0") for name in ("crf", "pixels", "colours")]
    assert max(scores) == pytest.approx(mean_iou(counts))


@pytest.mark.parametrize("known", [(0.05, 0.5), (0.5, 0.995)])
def test_corrected_masks_choose_the_threshold_too(
    known: tuple[float, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_set()  # beside the regions heat has the level 40: at 0.05 all of the image is hot, at 0.995 nothing
    correct(2 * FEW, "regions")
    found = Candidates(known[0], known[0], known[1], times=1, small=False)
    monkeypatch.setattr("pipeline.workflows.heatmap_threshold.candidate_thresholds", lambda *_: found)
    wrong = replace(HEATED, threshold=0.3)
    made = with_learnt(replace(asking("auto", "auto"), heat=wrong, judge=wrong), manifest(), seed=0)
    assert made.heat == made.judge
    assert made.heat.threshold == 0.5
    shutil.rmtree("work")
    assert auto().heat.threshold == HEATED.threshold  # a number in params.yaml stays


def test_too_few_masks_of_a_class_choose_nothing() -> None:
    make_set()
    corrected = correct(2 * FEW, "regions")
    assert [s.name for s in choosing_masks(manifest())] == [s.name for s in corrected]
    grass = [s for s in corrected if CLASSES.index("grass") in s.labels]
    for sample in grass[FEW - 1 :]:
        (paths.CORRECTED / f"{sample.name}.png").unlink()
    assert choosing_masks(manifest()) == []


@pytest.mark.parametrize("wiped_out", [True, False])
def test_small_objects_that_the_crf_wipes_out_have_their_colours(
    wiped_out: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_set()
    write_evidence([HEAT], SMALL)
    kept = measure_regions(job("crf"), compared_samples(manifest())).kept
    after = sum(np.count_nonzero(mask_of(job("crf"), sample)) for sample in samples())
    before = sum(np.count_nonzero(mask_of(job("none"), sample)) for sample in samples())
    assert kept == after / before
    monkeypatch.setattr("pipeline.workflows.learnt_refinement.KEPT", kept + (0.01 if wiped_out else -0.01))
    found = Candidates(0.1, 0.4, 0.5, times=1, small=True)
    monkeypatch.setattr("pipeline.workflows.heatmap_threshold.candidate_thresholds", lambda *_: found)
    assert auto().heat.threshold == 0.5  # a number in params.yaml stays
    made = auto("auto")
    assert made.heat == made.judge
    assert made.heat.threshold == (0.4 if wiped_out else 0.5)
    assert made.params.refine == ("colours" if wiped_out else "pixels")
    assert (made.colours is not None) == wiped_out
    assert measured_file(Path("work"), "pixels").exists() == (not wiped_out)


def test_a_lost_object_has_no_contrast(monkeypatch: pytest.MonkeyPatch) -> None:
    make_set()
    hidden = replace(HEATED, threshold=0.7)  # heat has 160 / 255 at most
    lost = replace(job("none"), heat=hidden, judge=hidden)
    assert measure_regions(lost, samples()[:2]) == (0, 0)
    contrasts = iter([1.5, np.nan, 3.0])
    monkeypatch.setattr("pipeline.workflows.refiner_scores.region_contrast", lambda *_: next(contrasts))
    assert measure_regions(job("none"), samples()[:3]) == (1.5, 1)


def test_masks_of_the_crf_are_made_once_for_both_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    make_set()
    write_evidence([HEAT], SMALL)
    monkeypatch.setattr("pipeline.workflows.learnt_refinement.KEPT", 0.0)
    asked: list[str] = []

    def noted(made: PseudoMaskJob, shown: list[Sample]) -> Regions:
        asked.append(made.params.refine)
        return measure_regions(made, shown)

    monkeypatch.setattr("pipeline.workflows.learnt_refinement.measure_regions", noted)
    assert auto() == auto()
    assert asked == ["crf", "pixels"]


def test_colours_that_tell_no_class_are_said_to_be_the_crf() -> None:
    make_set()
    nothing = {"ratios": np.zeros((2, 2, 16**3)), "thresholds": np.full(2, np.nan), "warm": np.array(0.2)}
    write_npz(Path("work") / COLOURS, nothing)
    assert with_learnt(job("colours"), manifest(), seed=0) == job("crf")


def test_of_many_corrected_masks_some_of_each_class_choose(monkeypatch: pytest.MonkeyPatch) -> None:
    make_set()
    corrected = correct(6 * FEW, "regions")
    (paths.CORRECTED / f"{corrected[0].name}.png").unlink()
    write_image(paths.CORRECTED / f"{corrected[0].name}.png", np.zeros((SIZE, SIZE), np.uint8))
    monkeypatch.setattr("pipeline.workflows.refinement.MOST", FEW)
    chosen = choosing_masks(manifest())
    for label in range(len(CLASSES)):
        assert FEW <= sum(label in s.labels for s in chosen if s != corrected[0]) <= 2 * FEW
    assert corrected[0] in chosen  # it shows nothing
    assert [s.name for s in chosen] == sorted(s.name for s in chosen)


def test_masks_that_show_no_class_do_not_choose() -> None:
    make_set()
    for value in (0, 255):
        for sample in samples()[: 2 * FEW]:
            write_image(paths.CORRECTED / f"{sample.name}.png", np.full((SIZE, SIZE), value, np.uint8))
        assert choosing_masks(manifest()) == []
    assert auto() == replace(asking("pixels"), pixels=Path("work") / FILE)


def test_a_kill_between_learning_and_choice_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def killed_at_pixels(made: PseudoMaskJob, shown: list[Sample]) -> Regions:
        if made.pixels:
            raise InterruptedError
        return measure_regions(made, shown)

    make_set()
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.workflows.learnt_refinement.measure_regions", killed_at_pixels)
        with pytest.raises(InterruptedError):
            auto()
    assert measured_file(Path("work"), "crf").exists()
    learnt, scores = Path("work") / FILE, measured_file(Path("work"), "pixels")
    assert learnt.exists() > scores.exists()
    made, files = auto(), (learnt.read_bytes(), scores.read_bytes())
    shutil.rmtree("work")
    assert auto() == made
    assert (learnt.read_bytes(), scores.read_bytes()) == files
