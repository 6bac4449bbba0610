"""The val split that the seed chooses."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.data.val_split import choose_val

LABELS = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=4),
    st.lists(st.sampled_from("xyz"), max_size=3, unique=True),
    max_size=30,
)


@given(LABELS, st.floats(0.05, 0.95), st.integers(0, 3))
def test_train_keeps_an_image_of_each_class_and_order_does_not_matter(
    labels: dict[str, list[str]], share: float, seed: int
) -> None:
    val = choose_val(labels, share, seed)
    train = set(labels) - val
    assert val < set(labels) or not labels
    assert {c for name in train for c in labels[name]} == {c for members in labels.values() for c in members}
    assert choose_val(dict(reversed(labels.items())), share, seed) == val


def test_each_class_gives_its_share() -> None:
    labels = {f"{c}{i}": [c] for c, count in (("x", 50), ("y", 20), ("z", 10)) for i in range(count)}
    labels |= {f"empty{i}": [] for i in range(30)}
    val = choose_val(labels, 0.2, seed=0)
    # 0.2 of 50, 20, 10 and 30 background images
    assert Counter(name[0] for name in val) == {"x": 10, "y": 4, "z": 2, "e": 6}


def test_the_seed_decides() -> None:
    labels = {f"{i}": ["x"] for i in range(100)}
    assert len({choose_val(labels, 0.2, seed) for seed in range(5)}) == 5


def test_samples_that_stay_in_train_free_the_others() -> None:
    labels = {"a": ["x"], "b": ["y"]}
    assert choose_val(labels, 0.5, seed=0) == frozenset()
    assert choose_val(labels, 0.9, seed=0, train=[["x"], ["y"]]) == {"a", "b"}


def test_two_images_of_one_class_are_enough() -> None:
    assert len(choose_val({"a": ["x"], "b": ["x"]}, 0.1, seed=0)) == 1


@pytest.mark.parametrize("labels", [{}, {"a": ["x"]}, {"a": ["x"], "b": ["y"]}])
def test_nothing_to_spare_gives_nothing(labels: dict[str, list[str]]) -> None:
    assert choose_val(labels, 0.5, seed=0) == frozenset()
