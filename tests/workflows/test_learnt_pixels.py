"""Pixels learnt from masks: regions of sand, water and grass, and heat that lies a third beside them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.images import write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.heatmaps.store import write_index, write_shard
from pipeline.params import load_params
from pipeline.workflows.learnt_pixels import FILE, LearntPixels, learn_pixels
from pipeline.workflows.learnt_refinement import with_learnt
from pipeline.workflows.object_colours import FOLDS, fold
from pipeline.workflows.pseudo_mask_blocks import mask_maker
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob, ThresholdedHeat
from pipeline.workflows.refinement import of_rounds

SIZE, COUNT = 48, 40
SAND, WATER, GRASS = (200, 180, 140), (40, 80, 160), (60, 140, 60)
HEAT, CLASSES = Path("heat"), ("water", "grass")
LABELS = [(0,), (1,), (0, 1), (0,)]
HEATED = ThresholdedHeat(HEAT, 0.5)


def samples() -> list[Sample]:
    return [
        Sample(f"i{i:02d}", f"i{i:02d}.png", "", SIZE, SIZE, LABELS[i % 4], "train", False, False)
        for i in range(COUNT)
    ]


def photo(sample: Sample, colours: tuple[tuple[int, int, int], ...]) -> np.ndarray:
    """Sand, with a band of each label."""
    noise = np.random.default_rng(int(sample.name[1:])).integers(-15, 16, (SIZE, SIZE, 3))
    image = np.full((SIZE, SIZE, 3), SAND, int)
    for label in sample.labels:
        image[true_rows(sample, label)] = colours[label]
    return (image + noise).astype(np.uint8)


def true_rows(sample: Sample, label: int) -> slice:
    """A band of 14 rows somewhere in its half of the image."""
    start = 24 * label + int(np.random.default_rng([label, int(sample.name[1:])]).integers(0, 11))
    return slice(start, start + 14)


def make_set(colours: tuple[tuple[int, int, int], ...] = (WATER, GRASS)) -> None:
    """Images, and heat on bands that lie 5 rows too far up or down."""
    heat = {}
    for sample in samples():
        write_image(Path(sample.image), photo(sample, colours))
        maps = np.full((len(sample.labels), SIZE, SIZE), 40, np.uint8)
        for place, label in enumerate(sample.labels):
            rows, shift = true_rows(sample, label), 5 if int(sample.name[1:]) % 8 < 4 else -5
            maps[place, max(0, rows.start + shift) : rows.stop + shift] = 160
        heat[sample.name] = maps
    write_shard(HEAT, 0, heat)
    write_index(HEAT, [list(heat)])


def manifest() -> Manifest:
    return Manifest("", CLASSES, tuple(samples()))


def learn(work: str) -> LearntPixels:
    file = learn_pixels(job("pixels", work), manifest(), seed=0)
    assert file == Path(work) / FILE
    return LearntPixels.read(file)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")


def job(refine: str, work: str = "work") -> PseudoMaskJob:
    shipped = load_params(Path(__file__).parents[2] / "params.yaml").pseudo_masks
    params = shipped.model_copy(update={"refine": refine, "band": 0.0})
    return PseudoMaskJob(manifest(), HEATED, HEATED, Path(work), params)


def errors(made: PseudoMaskJob, sample: Sample) -> float:
    """The share of wrong pixels in the mask of an image."""
    return float((mask_of(made, sample) != true_mask(sample)).mean())


def true_mask(sample: Sample) -> np.ndarray:
    truth = np.zeros((SIZE, SIZE), np.uint8)
    for label in sample.labels:
        truth[true_rows(sample, label)] = label + 1
    return truth


def mask_of(made: PseudoMaskJob, sample: Sample) -> np.ndarray:
    """The mask of an image with water and grass."""
    maker = mask_maker(made)
    heatmaps = maker.heat.read(sample).astype(np.float32) / 255
    return maker.refined(sample, photo(sample, (WATER, GRASS)), heatmaps).refined


def test_masks_are_nearer_to_the_regions_than_the_heat() -> None:
    make_set()
    by_pixels = with_learnt(job("pixels"), manifest(), seed=0)
    assert by_pixels.pixels == Path("work") / FILE
    of_pixels, of_heat = (
        np.mean([errors(made, s) for s in samples()[:8]]) for made in (by_pixels, job("none"))
    )
    assert of_pixels < 0.1 < 0.2 < of_heat


@pytest.mark.parametrize("workers", [1, 2])
def test_workers_change_nothing(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    make_set()
    learn("alone")
    monkeypatch.setenv("CAMSEG_WORKERS", str(workers))
    monkeypatch.setattr("pipeline.base.parallel.START_UP", 0)
    learn("together")
    assert Path("together", FILE).read_bytes() == Path("alone", FILE).read_bytes()


@pytest.mark.parametrize("number", range(FOLDS))
def test_an_image_does_not_teach_its_own_classifier(number: int) -> None:
    make_set()
    before = learn("before").classifiers
    for sample in samples():
        if fold(sample) == number:
            write_image(Path(sample.image), photo(sample, (GRASS, WATER)))
    after = learn("after").classifiers
    assert all(np.array_equal(a, b) for a, b in zip(before[number].layers, after[number].layers, strict=True))
    assert not np.array_equal(before[1 - number].layers[0], after[1 - number].layers[0])


def test_data_without_background_have_pixels_too() -> None:
    make_set()
    none = replace(manifest(), background=False)
    classes_alone = ThresholdedHeat(HEAT, None)
    file = learn_pixels(replace(job("pixels"), heat=classes_alone), none, seed=0)
    assert file
    assert len(LearntPixels.read(file).classifiers) == FOLDS


def test_one_image_has_no_other_to_learn_from() -> None:
    make_set()
    alone = replace(manifest(), samples=manifest().samples[:1])
    assert learn_pixels(job("pixels"), alone, seed=0) is None
    assert with_learnt(job("pixels"), alone, seed=0) == job("crf")


def test_a_finished_file_is_read_again() -> None:
    make_set()
    first = learn("work")
    for sample in samples():
        Path(sample.image).unlink()
    again = learn("work")
    pairs = zip(first.classifiers, again.classifiers, strict=True)
    assert all(np.array_equal(a.layers[0], b.layers[0]) for a, b in pairs)


def test_a_class_of_which_no_pixel_was_seen_keeps_the_masks_of_the_crf() -> None:
    make_set()
    one_half = tuple(s for s in samples() if 1 not in s.labels or fold(s) == 0)
    half = replace(manifest(), samples=one_half)  # no other half teaches grass to the classifier of the first
    by_pixels = with_learnt(replace(job("pixels"), manifest=half), half, seed=0)
    by_crf = replace(job("crf"), manifest=half)
    water, grass = ([s for s in one_half if s.labels == (label,)] for label in (0, 1))
    assert grass
    assert all(np.array_equal(mask_of(by_pixels, s), mask_of(by_crf, s)) for s in grass)
    assert not all(np.array_equal(mask_of(by_pixels, s), mask_of(by_crf, s)) for s in water)


@pytest.mark.parametrize(
    ("refine", "in_rounds"),
    [
        ("pixels", "crf"),
        ("colours", "none"),
        ("crf", "crf"),
        ("par", "par"),
        ("segments", "segments"),
        ("none", "none"),
    ],
)
def test_rounds_need_no_learnt_refinement(refine: str, in_rounds: str) -> None:
    assert of_rounds(job("auto").params, refine) == job(in_rounds).params
