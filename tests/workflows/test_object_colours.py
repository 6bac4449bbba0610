"""Colours learnt from heat: leaves with spots, heat that covers more than the spots, and healthy leaves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.images import write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.heatmaps.evidence import Evidence, read_evidence, write_evidence
from pipeline.heatmaps.store import write_index, write_shard
from pipeline.workflows import training_heatmaps
from pipeline.workflows.object_colours import FOLDS, ObjectColours, fold, learn_colours, own_colour_share
from pipeline.workflows.object_size import ENOUGH
from pipeline.workflows.pseudo_mask_job import ThresholdedHeat

SIZE = 32
LEAF, TABLE = (60, 140, 60), (235, 235, 240)
SPOTS = [(120, 70, 30), (20, 20, 20), (230, 200, 40)]
HEAT, NAMES = Path("heat"), [f"s{i}" for i in range(16)]


def samples() -> list[Sample]:
    return [
        Sample(name, f"{name}.png", "", SIZE, SIZE, (0,) if i % 2 else (), "train", False, False)
        for i, name in enumerate(NAMES)
    ]


def photo(spot: tuple[int, int, int] | None) -> np.ndarray:
    """A leaf of 24 x 24 pixels on a table, maybe with a spot of 4 x 4."""
    image = np.full((SIZE, SIZE, 3), TABLE, np.uint8)
    image[4:28, 4:28] = LEAF
    if spot:
        image[14:18, 14:18] = spot
    return image


def make_set(spot: tuple[int, int, int]) -> None:
    """Eight leaves with a spot, in a square of heat of 12 x 12, and eight without."""
    heat = np.zeros((1, SIZE, SIZE), np.uint8)
    heat[0, 10:22, 10:22] = 255
    for sample in samples():
        write_image(Path(sample.image), photo(spot if sample.labels else None))
    write_shard(HEAT, 0, {s.name: heat for s in samples() if s.labels})
    write_index(HEAT, [[s.name for s in samples() if s.labels]])


def learn(work: str) -> bytes:
    file = learn_colours(Manifest("", ("spot",), tuple(samples())), ThresholdedHeat(HEAT, 0.5), Path(work))
    assert file
    return file.read_bytes()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")


@pytest.mark.parametrize(("spot", "share"), [*((spot, 1.0) for spot in SPOTS), (TABLE, 0.0)])
def test_own_colours_are_none_of_other_images(spot: tuple[int, int, int], share: float) -> None:
    make_set(spot)
    manifest = Manifest("", ("spot",), tuple(samples()))
    assert own_colour_share(manifest, HEAT, area=0.1) == share


@pytest.mark.parametrize(
    ("elevation", "small"), [(0.06, True), (0.11, True), (0.13, False)], ids=["cells", "colours", "no"]
)
def test_colours_decide_what_cells_leave_open(
    elevation: float, small: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_set(SPOTS[0])
    manifest = Manifest("", ("spot",), tuple(samples()))
    evidence = Evidence(0.1, 0.08, 0.12, elevation, recognised=0.7)
    write_evidence([HEAT], evidence)
    if not evidence.is_open:
        monkeypatch.setattr(training_heatmaps, "own_colour_share", lambda *_: pytest.fail("measured"))
    training_heatmaps.add_own_colours(manifest, HEAT)
    found = read_evidence(HEAT)
    assert found == replace(evidence, own_colours=float(evidence.is_open))
    assert found.small == small


@pytest.mark.parametrize("spot", SPOTS)
def test_spots_remain_of_the_heat(spot: tuple[int, int, int]) -> None:
    make_set(spot)
    learn("work")
    colours = ObjectColours.read(Path("work/colours.npz"))
    sample, heat = samples()[1], np.zeros((1, SIZE, SIZE), np.float32)
    heat[:, 10:22, 10:22] = 1
    found = colours.heat(sample, photo(spot), heat)[0] >= 0.5
    expected = np.zeros((SIZE, SIZE), bool)
    expected[14:18, 14:18] = True
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_workers_change_nothing(workers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    make_set(SPOTS[0])
    alone = learn("alone")
    monkeypatch.setenv("CAMSEG_WORKERS", str(workers))
    monkeypatch.setattr("pipeline.base.parallel.START_UP", 0)
    assert learn("together") == alone


@pytest.mark.parametrize("number", range(FOLDS))
def test_an_image_does_not_teach_its_own_colours(number: int) -> None:
    make_set(SPOTS[0])
    learn("before")
    for sample in samples():
        if fold(sample) == number:
            write_image(Path(sample.image), photo(SPOTS[1] if sample.labels else None))
    learn("after")
    before, after = (ObjectColours.read(Path(work) / "colours.npz").ratios for work in ("before", "after"))
    np.testing.assert_array_equal(before[number], after[number])
    assert not np.array_equal(before[1 - number], after[1 - number])


@pytest.mark.parametrize("unlabelled", [0, ENOUGH - 1, ENOUGH])
def test_objects_of_other_classes_are_no_background_where_enough_images_have_none(unlabelled: int) -> None:
    """All classes have spots of one colour: only images without any label show that it is no background."""
    heat = np.zeros((1, SIZE, SIZE), np.uint8)
    heat[0, 10:22, 10:22] = 255
    labels = [(0,)] * 12 + [(1,)] * 12 + [()] * unlabelled
    shown = [
        Sample(f"i{i}", f"i{i}.png", "", SIZE, SIZE, of_image, "train", False, False)
        for i, of_image in enumerate(labels)
    ]
    for sample in shown:
        write_image(Path(sample.image), photo(SPOTS[0] if sample.labels else None))
    write_shard(HEAT, 0, {s.name: heat for s in shown if s.labels})
    write_index(HEAT, [[s.name for s in shown if s.labels]])
    manifest = Manifest("", ("a", "b"), tuple(shown))
    file = learn_colours(manifest, ThresholdedHeat(HEAT, 0.5), Path("work"))
    assert file
    colours = ObjectColours.read(file)
    assert [colours.tell(sample) for sample in shown[:24]] == [unlabelled == ENOUGH] * 24


@pytest.mark.parametrize("shown", [1, 2])
def test_a_class_in_one_half_of_the_images_is_not_told(shown: int) -> None:
    """Its images are judged by the other half, which has not seen its colours."""
    make_set(SPOTS[0])
    chosen = {s.name for s in [s for s in samples() if s.labels and fold(s) == 0][:shown]}
    few = tuple(replace(s, labels=(0,) if s.name in chosen else ()) for s in samples())
    for sample in few:
        image = photo(None)
        if sample.labels:
            image[12:20, 12:20] = SPOTS[0]
        write_image(Path(sample.image), image)
    file = learn_colours(Manifest("", ("spot",), few), ThresholdedHeat(HEAT, 0.5), Path("work"))
    assert file
    assert not ObjectColours.read(file).tell_any


@pytest.mark.parametrize("order", [[1, 0, 2], [1, 2, 0]])
def test_the_order_of_the_classes_does_not_matter(order: list[int]) -> None:
    make_set(SPOTS[0])
    kinds = {s.name: i % 3 for i, s in enumerate(s for s in samples() if s.labels)}
    for sample in samples():
        write_image(Path(sample.image), photo(SPOTS[kinds[sample.name]] if sample.labels else None))

    def learnt(classes: list[int]) -> ObjectColours:
        shown = [replace(s, labels=(classes.index(kinds[s.name]),)) if s.labels else s for s in samples()]
        manifest = Manifest("", tuple(map(str, classes)), tuple(shown))
        file = learn_colours(manifest, ThresholdedHeat(HEAT, 0.5), Path(f"work{classes}"))
        assert file
        return ObjectColours.read(file)

    first, second = learnt([0, 1, 2]), learnt(order)
    np.testing.assert_array_equal(second.ratios, first.ratios[:, order])
    np.testing.assert_array_equal(second.thresholds, first.thresholds[order])
    assert first.tell_any


def test_data_without_background_have_no_colours_of_objects() -> None:
    manifest = Manifest("", ("spot",), tuple(samples()), background=False)
    assert learn_colours(manifest, ThresholdedHeat(HEAT, None), Path("work")) is None


def test_both_folds_have_images() -> None:
    assert {fold(s) for s in samples() if s.labels} == {fold(s) for s in samples() if not s.labels} == {0, 1}
