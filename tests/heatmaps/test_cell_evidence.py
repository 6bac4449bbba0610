"""How large objects are by the cells of a classifier: area, elevation, and what they decide."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from pipeline.classifier.network import Classifier, ClassifierConfig
from pipeline.data.images import write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.errors import UserError
from pipeline.heatmaps import cell_evidence as module
from pipeline.heatmaps.cell_evidence import (
    area_interval,
    as_cells,
    cell_evidence,
    cell_logits,
    measure_evidence,
)
from pipeline.heatmaps.evidence import Evidence, read_evidence, write_evidence
from pipeline.params import HeatmapParams, load_params

CLASSES = ("disc", "square", "star")
SMALL = Evidence(area=0.05, area_low=0.04, area_high=0.07, elevation=0.03, recognised=0.7)


@pytest.fixture(scope="module")
def net() -> Classifier:
    torch.manual_seed(0)
    return Classifier(ClassifierConfig("tu-resnet10t", 32, CLASSES)).eval()


@pytest.fixture
def params() -> HeatmapParams:
    return load_params().heatmaps


def sample(name: str, labels: Sequence[int]) -> Sample:
    return Sample(name, f"{name}.png", "", 64, 96, tuple(labels), "train", False, False)


@pytest.mark.parametrize("size", [(64, 64), (96, 64), (64, 160)])
def test_cells_add_up_to_the_logit(net: Classifier, size: tuple[int, int]) -> None:
    images = torch.rand(2, 3, *size)
    with torch.inference_mode():
        logits = net(images)
    torch.testing.assert_close(cell_logits(net, images).mean((2, 3)), logits, rtol=1e-5, atol=1e-5)


def world(side: int, *, spread: float = 0.0, enlarged_peak: float = 9.0) -> tuple[np.ndarray, list, list]:
    """20 images with an object of `side` x `side` of 30 x 30 cells and 20 without, at both sizes.

    Cells without an object have logits around -3; `spread` of the object's height lies on all cells of images
    with it.
    """
    rng = np.random.default_rng(side)
    shown = np.array([[True]] * 20 + [[False]] * 20)
    trained, enlarged = [], []
    for (has,) in shown:
        for cells, peak in ((trained, 9.0), (enlarged, enlarged_peak)):
            logits = rng.normal(-3, 0.1, (1, 30, 30))
            if has:
                logits += spread * (peak + 3)
                row, column = rng.integers(0, 31 - side, 2)
                logits[0, row : row + side, column : column + side] = peak
            cells.append(logits.astype(np.float16))
    return shown, trained, enlarged


@pytest.mark.parametrize("side", [1, 3, 8, 20])
def test_the_area_is_that_of_the_object(side: int) -> None:
    area, _, recognised = cell_evidence(*world(side))
    assert area == pytest.approx(side**2 / 900, abs=0.01)  # of the other cells 1 % reach the level
    assert recognised == pytest.approx(1, abs=0.05)


@pytest.mark.parametrize("side", [1, 3, 8])
def test_the_interval_holds_the_area_and_images_alike_make_it_narrow(side: int) -> None:
    shown, trained, enlarged = world(side)
    low, high = area_interval(shown, enlarged)
    assert low <= cell_evidence(shown, trained, enlarged)[0] <= high
    assert (low, high) == area_interval(shown, enlarged)
    assert high - low < 0.006  # of 1 % of the cells that reach the level without an object


def test_the_interval_of_a_mean_is_known() -> None:
    """Half of the objects cover 0.3, half 0.1: the mean of 20 draws varies by 0.1 / sqrt(20)."""
    shown, _, enlarged = world(1)
    for cells, has, size in zip(enlarged, shown[:, 0], [90, 270] * 20, strict=True):
        cells.reshape(-1)[: size * has] = 9
        cells.reshape(-1)[size * has :] = -3
    low, high = area_interval(shown, enlarged)
    assert (low, high) == pytest.approx((0.2 - 1.645 * 0.1 / 20**0.5, 0.2 + 1.645 * 0.1 / 20**0.5), abs=0.01)


@pytest.mark.parametrize(("side", "spread", "expected"), [(3, 0, 0), (3, 0.25, 0.25), (8, 0.5, 0.5)])
def test_elevation_is_the_height_of_the_median_cell(side: int, spread: float, expected: float) -> None:
    assert cell_evidence(*world(side, spread=spread))[1] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize(("peak", "expected"), [(9, 1), (3, 0.5), (0, 0.25)])
def test_objects_that_are_not_known_any_more_are_told(peak: float, expected: float) -> None:
    assert cell_evidence(*world(3, enlarged_peak=peak))[2] == pytest.approx(expected, abs=0.03)


@pytest.mark.parametrize("side", [1, 3, 8])
def test_images_of_other_classes_tell_as_much_as_images_without_labels(side: int) -> None:
    """Two classes, each on half of the images: cells of a class are measured against the other half."""
    shown, trained, enlarged = world(side)
    (_, other_trained, other_enlarged), half = world(side), len(shown) // 2
    halves = np.concatenate([shown, ~shown], 1)
    both = [
        [np.concatenate(pair) for pair in zip(one, other[half:] + other[:half], strict=True)]
        for one, other in ((trained, other_trained), (enlarged, other_enlarged))
    ]
    area, elevation, recognised = cell_evidence(halves, *both)
    assert area == pytest.approx(side**2 / 900, abs=0.01)
    assert (elevation, recognised) == pytest.approx((0, 1), abs=0.05)
    low, high = area_interval(halves, both[1])
    assert low <= area <= high


def test_one_wrong_label_does_not_move_the_area() -> None:
    shown, trained, enlarged = world(3)
    right = cell_evidence(shown, trained, enlarged)[0]
    enlarged[30][0, :20] = 9  # an image without the label that is full of the class
    assert cell_evidence(shown, trained, enlarged)[0] == pytest.approx(right, abs=0.003)


def test_classes_of_few_images_have_no_say() -> None:
    shown, trained, enlarged = world(3)
    rare = np.zeros((40, 1), bool)
    rare[:4] = True
    twice = [np.concatenate([cells, cells - 20]) for cells in enlarged]
    both = np.concatenate([shown, rare], 1), [np.concatenate([c, c]) for c in trained], twice
    assert cell_evidence(*both)[1:] == cell_evidence(shown, trained, enlarged)[1:]
    assert cell_evidence(rare, trained, enlarged)[1:] == (1, 0)  # no class is left: not small


@pytest.mark.parametrize("unknown", ["trained", "enlarged"])
def test_a_class_of_which_no_cell_stands_out_is_large_and_not_recognised(unknown: str) -> None:
    """Its cells have less of the class than those of other images: there is no scale between them."""
    shown, *sizes = world(3)
    flat = [
        np.full_like(of_image, -3 - of_class) for of_image, (of_class,) in zip(sizes[0], shown, strict=True)
    ]
    cells = {"trained": sizes[0], "enlarged": sizes[1], unknown: flat}
    assert cell_evidence(shown, cells["trained"], cells["enlarged"])[1:] == (1, 0)
    # Beside two others, it does not decide.
    three = np.repeat(shown, 3, 1)
    joined = {
        name: [np.concatenate([one, one, other]) for one, other in zip(known, cells[name], strict=True)]
        for name, known in zip(("trained", "enlarged"), sizes, strict=True)
    }
    told = cell_evidence(three, joined["trained"], joined["enlarged"])[1:]
    assert told == cell_evidence(shown, *sizes)[1:]


@pytest.mark.parametrize("logit", [65_504.0, -65_504.0, 7e4, -7e4, float("nan")])
def test_logits_of_a_diverged_classifier_are_refused(logit: float) -> None:
    logits = torch.zeros(1, 2, 3, 4)
    logits[0, 1, 2, 3] = logit
    if abs(logit) <= 65_504:
        assert as_cells(logits)[0, 1, 2, 3] == logit
        return
    with pytest.raises(UserError, match=r"diverged.*Lower classifier\.training\.lr"):
        as_cells(logits)


@pytest.mark.parametrize("order", [[1, 0, 2], [2, 1, 0], [2, 0, 1]])
def test_the_order_of_the_classes_does_not_matter(order: list[int]) -> None:
    rng = np.random.default_rng(0)
    shown = rng.random((30, 3)) < [0.3, 0.5, 0.7]
    cells = [
        [(rng.normal(size=(3, 4, 5)) + 3 * has[:, None, None]).astype(np.float16) for has in shown]
        for _ in range(2)
    ]
    other = [[of_image[order] for of_image in of_size] for of_size in cells]
    assert cell_evidence(shown[:, order], *other) == cell_evidence(shown, *cells)
    assert area_interval(shown[:, order], other[1]) == area_interval(shown, cells[1])


def test_up_to_so_many_images_are_looked_at_at_two_sizes(
    tmp_path: Path, params: HeatmapParams, net: Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng, seen = np.random.default_rng(1), []
    samples = [sample(str(n), (n % 3,) if n < 9 else ()) for n in range(18)]
    for of_image in samples:
        write_image(tmp_path / of_image.image, rng.integers(0, 255, (64, 96, 3), np.uint8))

    def spy(net: Classifier, images: Tensor) -> Tensor:
        seen.extend([tuple(images.shape[2:])] * len(images))
        return cell_logits(net, images)

    monkeypatch.setattr(module, "cell_logits", spy)
    monkeypatch.setattr(module, "MOST", 4)
    manifest = Manifest(str(tmp_path), CLASSES, tuple(samples))
    evidence = measure_evidence(net, manifest, samples, params, 96)
    assert sorted(seen) == [(64, 96)] * 8 + [(192, 288)] * 8
    assert evidence.objects == params.objects


@pytest.mark.parametrize(
    ("change", "small"),
    [
        ({}, True),
        ({"elevation": 0.07}, False),
        ({"elevation": 0.07, "own_colours": 0.7}, False),
        ({"elevation": 0.07, "own_colours": 0.75}, True),
        ({"elevation": 0.13, "own_colours": 1.0}, False),
        ({"elevation": 0.07, "own_colours": 1.0, "area": 0.21}, False),
        ({"elevation": 0.07, "own_colours": 1.0, "recognised": 0.3}, False),
        ({"recognised": 0.3}, False),
        ({"area": 0.0}, False),
        ({"area": 0.19}, True),
        ({"area": 0.21}, False),
        ({"objects": "small", "elevation": 0.5, "recognised": 0.1, "area": 0.3}, True),
        ({"objects": "small", "area": 0.0}, False),
    ],
)
def test_what_is_small(change: dict[str, float | str], small: bool) -> None:
    assert replace(SMALL, **change).small == small


@pytest.mark.parametrize(
    ("change", "is_open"),
    [
        ({}, False),
        ({"elevation": 0.07}, True),
        ({"elevation": 0.13}, False),
        ({"elevation": 0.07, "objects": "small"}, False),
    ],
)
def test_what_is_left_to_colours(change: dict[str, float | str], is_open: bool) -> None:
    assert replace(SMALL, **change).is_open == is_open


def test_evidence_lies_beside_the_heatmaps_of_each_method(tmp_path: Path) -> None:
    assert read_evidence(tmp_path) is None
    write_evidence([tmp_path / "cam", tmp_path / "gradcampp"], SMALL)
    assert read_evidence(tmp_path / "cam") == read_evidence(tmp_path / "gradcampp") == SMALL
