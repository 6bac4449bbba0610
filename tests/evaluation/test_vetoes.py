"""Each veto fires where its figure passes the limit, and not right before it."""

import numpy as np
import pytest

from pipeline.evaluation.agreement import Agreement
from pipeline.evaluation.classifier_vetoes import knowledge, same_labels, unknown_classes
from pipeline.evaluation.marked_areas import MarkedAreas
from pipeline.evaluation.mask_vetoes import flooded_masks, full_masks, many_lost_labels, narrow_objects
from pipeline.evaluation.model_vetoes import (
    contradicting_masks,
    false_areas,
    unconfirmed_masks,
    unfound_labels,
)
from pipeline.evaluation.veto import Veto, verdict

CLASSES = ("cat", "dog")


def levels(vetoes: list[Veto]) -> list[str]:
    return [veto.level for veto in vetoes]


def half_shown(count: int = 20) -> np.ndarray:
    """Every second image shows `cat`, the others `dog`."""
    cat = np.arange(count) % 2 == 0
    return np.stack([cat, ~cat], axis=1)


def marked(
    areas: np.ndarray, shown: np.ndarray | None = None, widths: np.ndarray | None = None
) -> MarkedAreas:
    """What images `0`, `1`, ... mark."""
    shown = np.ones(areas.shape, bool) if shown is None else shown
    widths = np.full(areas.shape, np.nan) if widths is None else widths
    return MarkedAreas([str(i) for i in range(len(areas))], shown, areas.astype(float), widths)


@pytest.mark.parametrize(
    ("names", "expected"),
    [([], "fair"), (["doubtful"], "doubtful"), (["doubtful", "useless", "doubtful"], "useless")],
)
def test_the_worst_veto_is_the_verdict(names: list[str], expected: str) -> None:
    assert verdict(Veto(name, "") for name in names) == expected  # type: ignore[arg-type]


# The classifier.


def test_knowledge_by_hand() -> None:
    shown = np.zeros((40, 3), bool)
    shown[:10, 0] = True  # a quarter: (0.55 - 0.25) / 0.75
    shown[:7, 1] = True  # too few with it
    shown[:33, 2] = True  # too few without it
    np.testing.assert_allclose(knowledge(shown, np.array([0.55, 1, 1])), [0.4, np.nan, np.nan])


@pytest.mark.parametrize(
    ("precision", "expected"),
    [  # by chance 0.5: known from 0.75, nothing known below 0.625 at the median
        ((1.0, 0.76), []),
        ((1.0, 0.74), ["doubtful"]),  # median 0.74
        ((0.7, 0.6), ["doubtful"]),  # median 0.3
        ((0.6, 0.6), ["useless"]),  # median 0.2
        ((0.4, 0.5), ["useless"]),  # chance and worse
    ],
)
def test_unknown_classes(precision: tuple[float, float], expected: list[str]) -> None:
    issues = [("b", "dog"), ("a", "cat"), ("b", "dog")]
    vetoes = unknown_classes(CLASSES, half_shown(), np.array(precision), issues)
    assert levels(vetoes) == expected


def test_unknown_classes_are_named_with_their_images() -> None:
    issues = [("b", "dog"), ("a", "cat"), ("b", "dog"), ("c", "dog")]
    (veto,) = unknown_classes(CLASSES, half_shown(), np.array([1.0, 0.6]), issues)
    assert "`dog` (average precision 0.60, 0.50 by chance)" in veto.sentence
    assert "cat" not in veto.sentence
    assert veto.images == ("b", "c")
    (veto,) = unknown_classes(CLASSES, half_shown(), np.array([0.55, 0.5]), issues)
    assert veto.sentence.index("dog") < veto.sentence.index("cat")  # the worst first


@pytest.mark.parametrize("count", [0, 15, 14])
def test_without_images_to_judge_by_the_run_is_doubtful(count: int) -> None:
    (veto,) = unknown_classes(CLASSES, half_shown(count), np.array([1.0, 1.0]), [])
    assert veto.level == "doubtful"
    assert "No class has 8 val images" in veto.sentence


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([[1, 0]] * 3, ["useless"]),
        ([[1, 1]] * 2, ["useless"]),
        ([[1, 0], [1, 1]], []),
        ([[1, 0], [0, 0]], []),
    ],
)
def test_same_labels(rows: list[list[int]], expected: list[str]) -> None:
    assert levels(same_labels(np.array(rows, bool))) == expected


# The masks.


@pytest.mark.parametrize(
    ("lost", "labels", "expected"),
    [(0, 0, []), (20, 100, []), (21, 100, ["doubtful"]), (50, 100, ["doubtful"]), (51, 100, ["useless"])],
)
def test_lost_labels(lost: int, labels: int, expected: list[str]) -> None:
    vetoes = many_lost_labels("cam", labels, [f"{i // 2}" for i in range(lost)])
    assert levels(vetoes) == expected
    if vetoes:
        assert f"{lost} % of the image-level labels have no pixel in the cam masks" in vetoes[0].sentence
        assert vetoes[0].images == tuple("0123456789")  # once each


@pytest.mark.parametrize(
    ("full", "expected"),
    [(10, ["useless"]), (9, ["doubtful"]), (3, ["doubtful"]), (2, []), (0, [])],
)
def test_full_masks(full: int, expected: list[str]) -> None:
    areas = np.full((11, 2), 0.475)
    areas[:full] = 0.48  # 0.96 of the image
    areas[10] = 0.5  # an image without labels counts neither way
    shown = np.ones((11, 2), bool)
    shown[10] = False
    vetoes = full_masks(marked(areas, shown))
    assert levels(vetoes) == expected
    if vetoes:
        assert f"{10 * full} % of the masks" in vetoes[0].sentence
        assert vetoes[0].images == tuple("0123456789")[:full]


def test_no_masks_are_not_full() -> None:
    assert full_masks(marked(np.zeros((0, 2)))) == []


@pytest.mark.parametrize(
    ("area", "expected"), [(0.2, []), (0.149, ["doubtful"]), (0.074, ["useless"]), (0.9, [])]
)
def test_flooded_masks(area: float, expected: list[str]) -> None:
    areas = np.array([[0.1, 0.1], [0.2, 0.2], [0.9, 0.0]])  # 0.3 of images with labels
    shown = np.array([[1, 1], [1, 0], [0, 0]], bool)
    vetoes = flooded_masks(marked(areas, shown), area)
    assert levels(vetoes) == expected
    if vetoes:
        assert "cover 30 %" in vetoes[0].sentence
        assert vetoes[0].images[:2] == ("1", "0")


@pytest.mark.parametrize(
    ("width", "found", "expected"),
    [(0.9, 8, ["doubtful"]), (1.0, 8, []), (0.9, 7, []), (0.2, 20, ["doubtful"])],
)
def test_narrow_objects(width: float, found: int, expected: list[str]) -> None:
    widths = np.full((20, 2), np.nan)
    widths[:, 0] = 3
    widths[:found, 1] = width
    vetoes = narrow_objects(CLASSES, marked(np.ones((20, 2)), widths=widths))
    assert levels(vetoes) == expected
    if vetoes:
        assert f"`dog` ({width})" in vetoes[0].sentence
        assert "cat" not in vetoes[0].sentence
        assert vetoes[0].images == tuple(str(i) for i in range(min(found, 10)))


def test_half_of_the_images_decide_about_narrow_objects() -> None:
    widths = np.array([[0.5, 3.0]] * 10 + [[2.0, 3.0]] * 11)
    assert narrow_objects(CLASSES, marked(np.ones(widths.shape), widths=widths)) == []
    assert levels(narrow_objects(CLASSES, marked(np.ones((19, 2)), widths=widths[:19]))) == ["doubtful"]


# The model.


@pytest.mark.parametrize(
    ("without", "expected"), [(0.05, []), (0.051, ["doubtful"]), (0.2, ["doubtful"]), (0.0, [])]
)
def test_false_areas(without: float, expected: list[str]) -> None:
    shown = half_shown()
    areas = np.where(shown, 0.2, 0.0)
    areas[1::2, 0] = without  # of `cat` on images of `dog`
    vetoes = false_areas(CLASSES, "cam", marked(areas, shown))
    assert levels(vetoes) == expected
    if vetoes:
        assert f"`cat` ({without / (0.2 + without):.2f})" in vetoes[0].sentence
        assert "dog" not in vetoes[0].sentence
        assert vetoes[0].images == ("1", "3", "5", "7", "9", "11", "13", "15", "17", "19")


def test_false_areas_need_images() -> None:
    shown = half_shown(14)  # 7 of each
    assert false_areas(CLASSES, "cam", marked(np.where(shown, 0, 0.3), shown)) == []
    shown = half_shown(20)
    (veto,) = false_areas(CLASSES, "cam", marked(np.where(shown, 0, 0.3), shown))
    assert "`cat` (1.00)" in veto.sentence  # nothing on images with the class
    assert false_areas(CLASSES, "cam", marked(np.zeros(shown.shape), shown)) == []


@pytest.mark.parametrize(("unfound", "expected"), [(10, []), (11, ["doubtful"]), (20, ["doubtful"]), (0, [])])
def test_unfound_labels(unfound: int, expected: list[str]) -> None:
    shown = half_shown()
    areas = np.where(shown, 0.1, 0.0)
    areas[:unfound] = 0
    vetoes = unfound_labels("cam", marked(areas, shown))
    assert levels(vetoes) == expected
    if vetoes:
        assert f"{5 * unfound} % of the labels" in vetoes[0].sentence
        assert "the masks in `data/masks/cam` are the result" in vetoes[0].sentence
        assert vetoes[0].images == tuple("0123456789")


@pytest.mark.parametrize(
    ("scores", "expected"), [((0.6, 0.4), []), ((0.6, 0.39), ["doubtful"]), ((np.nan, np.nan), [])]
)
def test_contradictions(scores: tuple[float, float], expected: list[str]) -> None:
    agreement = Agreement(np.array(scores), {"b": 0.4, "a": 0.4, "c": 0.1})
    model, masks = unconfirmed_masks("cam", agreement), contradicting_masks("cam", "gradcampp", agreement)
    assert levels(model) == levels(masks) == expected
    if expected:
        assert "The cam model sees 50 % of what the masks mark" in model[0].sentence  # 49.5
        assert "The cam masks and the gradcampp masks contradict" in masks[0].sentence
        assert model[0].images == masks[0].images == ("c", "a", "b")
