"""When camseg finds out how large objects are, and what `check` says of it."""

from collections.abc import Sequence

import pytest

from pipeline.data.manifest import Manifest, Sample
from pipeline.params import ObjectSize
from pipeline.workflows.object_size import count_lacking, how_objects_are_sized, tells_sizes

CLASSES = ("disc", "square", "star")


def sample(name: str, labels: Sequence[int], split: str = "train") -> Sample:
    return Sample(name, f"{name}.png", "", 64, 96, tuple(labels), split, False, False)


def data_set(labels: Sequence[Sequence[int]], *, classes: int = 1, background: bool = True) -> Manifest:
    """Training images with these labels, and one of `val` that has none."""
    train = [sample(str(number), of_image) for number, of_image in enumerate(labels)]
    return Manifest("", CLASSES[:classes], (*train, sample("y", (), "val")), background)


@pytest.mark.parametrize(
    ("objects", "without", "background", "measured"),
    [
        ("auto", 20, True, True),
        ("auto", 19, True, False),
        ("auto", 20, False, False),
        ("small", 0, True, True),
        ("small", 20, False, False),
        ("large", 20, True, False),
    ],
)
def test_evidence_is_measured_where_it_may_tell(
    objects: ObjectSize, without: int, background: bool, measured: bool
) -> None:
    manifest = data_set([()] * without + [(0,)], background=background)
    assert tells_sizes(manifest, objects) == measured


@pytest.mark.parametrize(
    ("labels", "lacking"),
    [
        ([(0,)] * 20 + [(1,)] * 20, 20),  # images of the other class are without this one
        ([(0, 1)] * 20 + [()] * 7, 7),
        ([(0,)] * 30 + [(0, 1)] * 5 + [(0, 1, 2)] * 2, 30),  # 0, 30 and 35
        ([(0, 1, 2)] * 40, 0),
    ],
)
def test_images_of_other_classes_are_without_a_class(labels: list[tuple[int, ...]], lacking: int) -> None:
    manifest = data_set(labels, classes=1 + max(map(max, filter(None, labels))))
    assert count_lacking(manifest) == lacking
    assert tells_sizes(manifest, "auto") == (lacking >= 20)


@pytest.mark.parametrize(
    ("without", "background", "words"),
    [
        (20, True, "found out after training, by 20 training images without them"),
        (31, True, "found out after training, by 31 training images without them"),
        (19, True, "otherwise: 19 training images are without them, and 20 would tell"),
        (0, True, "otherwise: 0 training images"),
        (20, False, "every pixel belongs to a class"),
    ],
)
def test_check_says_what_will_happen(without: int, background: bool, words: str) -> None:
    manifest = data_set([()] * without + [(0,)], background=background)
    assert words in how_objects_are_sized(manifest)
    assert tells_sizes(manifest, "auto") == words.startswith("found out")
    said: tuple[ObjectSize, ObjectSize] = ("small", "large")
    for objects in said if background else ():  # a person knows it
        assert how_objects_are_sized(manifest, objects).startswith(f"{objects}, as")


def test_check_says_that_classes_differ() -> None:
    manifest = data_set([(0,)] * 20 + [(1,)] * 22, classes=2)
    assert "by 21 training images without them (median of the classes)" in how_objects_are_sized(manifest)
