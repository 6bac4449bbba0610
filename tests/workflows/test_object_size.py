"""When camseg finds out how large objects are, and what `check` says of it."""

from collections.abc import Sequence

import pytest

from pipeline.data.manifest import Manifest, Sample
from pipeline.params import ObjectSize
from pipeline.workflows.object_size import how_objects_are_sized, tells_sizes

CLASSES = ("disc", "square", "star")


def sample(name: str, labels: Sequence[int], split: str = "train") -> Sample:
    return Sample(name, f"{name}.png", "", 64, 96, tuple(labels), split, False, False)


@pytest.mark.parametrize(
    ("objects", "unlabelled", "background", "measured"),
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
    objects: ObjectSize, unlabelled: int, background: bool, measured: bool
) -> None:
    samples = [sample(str(n), ()) for n in range(unlabelled)] + [sample("x", (0,))]
    assert tells_sizes(Manifest("", CLASSES, tuple(samples), background), objects) == measured


@pytest.mark.parametrize(
    ("unlabelled", "background", "words"),
    [
        (20, True, "found out after training, by 20 training images"),
        (31, True, "found out after training, by 31 training images"),
        (
            19,
            True,
            "otherwise: 19 training images are without a label, and 20 would tell",
        ),
        (0, True, "otherwise: 0 training images"),
        (20, False, "every pixel belongs to a class"),
    ],
)
def test_check_says_what_will_happen(unlabelled: int, background: bool, words: str) -> None:
    samples = [sample(str(n), ()) for n in range(unlabelled)] + [sample("x", (0,)), sample("y", (), "val")]
    manifest = Manifest("", CLASSES, tuple(samples), background)
    assert words in how_objects_are_sized(manifest)
    assert tells_sizes(manifest, "auto") == words.startswith("found out")
    said: tuple[ObjectSize, ObjectSize] = ("small", "large")
    for objects in said if background else ():  # a person knows it
        assert how_objects_are_sized(manifest, objects).startswith(f"{objects}, as")
