"""What is worth a look: copies, spellings, sizes and imbalance."""

import io
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipeline.commands.advice import advise, one_edit_apart
from pipeline.data import duplicates
from pipeline.data.duplicates import SIDE, difference_hash, look_alikes, near_duplicates, thumbnail
from pipeline.data.manifest import Manifest, Sample, Split

HASHES = st.lists(st.integers(0, 2**64 - 1) | st.sampled_from([2**32 - 1, 2**32 - 2, 2**31]), max_size=12)


def sample(
    name: str, labels: tuple[int, ...], split: Split = "train", size: tuple[int, int] = (90, 120)
) -> Sample:
    return Sample(name, f"{name}.jpg", "", *size, labels, split, mask=False, score=False)


def advice(classes: tuple[str, ...], *samples: Sample, hashes: dict[str, int] | None = None) -> list[str]:
    all_hashes = {s.name: 0 for s in samples} | (hashes or {})
    same = dict.fromkeys(all_hashes, bytes(SIDE * SIDE))
    sentences = advise(Manifest("", classes, samples), all_hashes, same, 128, 32, small_objects=False)
    return [line for line in sentences if "fewer than 50" not in line and "is without" not in line]


def untold(
    classes: tuple[str, ...], samples: list[Sample], *, small_objects: bool = False, background: bool = True
) -> list[str]:
    """All sentences on images that differ."""
    small = {s.name: bytes(SIDE * SIDE) for s in samples}
    manifest = Manifest("", classes, tuple(samples), background)
    return advise(manifest, dict.fromkeys(small, 0), small, 128, 32, small_objects=small_objects)


def alike(hashes: list[int]) -> list[tuple[int, int]]:
    return [(int(i), int(j)) for pairs in near_duplicates(hashes) for i, j in pairs]


def hash_of(image: np.ndarray) -> int:
    return difference_hash(Image.fromarray(image).convert("L"))


def test_hash_says_where_it_gets_lighter() -> None:
    # 8 rows of 9 cells, each 4 x 5 pixels: lighter to the right in the upper half only.
    cells = np.tile(np.arange(9, dtype=np.uint8) * 20, (8, 1))
    cells[4:] = cells[4:, ::-1]
    image = np.repeat(cells.repeat(4, 0).repeat(5, 1)[..., None], 3, axis=2)
    assert hash_of(image) == 0xFFFFFFFF00000000


def test_copies_in_other_sizes_and_qualities_are_near() -> None:
    rng = np.random.default_rng(0)
    small = rng.integers(0, 256, (2, 6, 8, 3), dtype=np.uint8)
    images = [np.asarray(Image.fromarray(pixels).resize((160, 120), 3)) for pixels in small]
    smaller = np.asarray(Image.fromarray(images[0]).resize((97, 71)))
    hashes = [hash_of(image) for image in (*images, smaller)]
    assert alike(hashes) == [(0, 2)]


@given(hashes=HASHES)
def test_near_duplicates_against_all_pairs(hashes: list[int]) -> None:
    assert alike(hashes) == all_pairs(hashes)


def all_pairs(hashes: list[int]) -> list[tuple[int, int]]:
    telling = [8 <= value.bit_count() <= 56 for value in hashes]
    return [
        (i, j)
        for i in range(len(hashes))
        for j in range(i + 1, len(hashes))
        if telling[i] and telling[j] and (hashes[i] ^ hashes[j]).bit_count() <= 3
    ]


@given(
    centres=st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=3),
    changes=st.lists(st.lists(st.integers(0, 63), max_size=4), max_size=40),
    most=st.sampled_from([1, 7, 2**18]),
)
def test_clusters_against_all_pairs(centres: list[int], changes: list[list[int]], most: int) -> None:
    hashes = []
    for number, bits in enumerate(changes):
        hashes.append(centres[number % len(centres)])
        for bit in bits:
            hashes[-1] ^= 1 << bit
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(duplicates, "MOST", most)  # pairs held at once: they change nothing
        assert alike(hashes) == all_pairs(hashes)


def test_a_hundred_times_the_images_take_far_less_than_all_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[int] = []
    in_parts = duplicates._in_parts
    monkeypatch.setattr(
        duplicates, "_in_parts", lambda sizes: (compared.append(int(sizes.sum())), in_parts(sizes))[1]
    )

    def comparisons(count: int) -> int:
        compared.clear()
        values = np.random.default_rng(0).integers(0, 2**64, count, np.uint64)
        list(near_duplicates([int(value) for value in values]))
        return sum(compared)

    assert comparisons(100_000) < 600 * comparisons(1000)  # all pairs: 10 000 times


def test_copies_are_told_by_where_they_are() -> None:
    samples = (sample("a", (0,)), sample("b", (0,)), sample("c", (), "val"))
    sentences = advice(("cat",), *samples, hashes={"a": 2**32 - 1, "b": 2**32 - 2, "c": 2**64 - 2**32})
    assert sentences == ["1 pair(s) look alike within a split: a (train) = b (train)"]
    sentences = advice(("cat",), *samples, hashes={"a": 2**32 - 1, "b": 2**60 - 2**20, "c": 2**32 - 1})
    assert sentences == [
        "1 pair(s) look alike across the splits, which makes scores too good: a (train) = c (val)",
        "1 pair(s) look alike and have other labels: a (train) = c (val)",
    ]


def test_pairs_beyond_one_part_are_found() -> None:
    hashes = [int(value) for value in np.random.default_rng(0).integers(0, 2**62, 300, np.uint64)]
    hashes[250] = hashes[299] = hashes[3]
    assert alike(hashes) == [(3, 250), (3, 299), (250, 299)]


def test_frames_of_a_camera_that_stands_still_take_no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MOST", 2**16)
    samples = [sample(f"{i:04}", (0,), "val" if i < 10 else "train") for i in range(1000)]
    tracemalloc.start()
    try:
        sentences = advice(("cat",), *samples, hashes={s.name: 2**32 - 1 for s in samples})
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # 10 * 990 pairs across the splits; 10 * 9 / 2 + 990 * 989 / 2 within
    assert "9900 pair(s) look alike across the splits" in sentences[0]
    assert sentences[0].endswith("0000 (val) = 0014 (train) and 9895 more")
    assert "489600 pair(s) look alike within a split: 0000 (val) = 0001 (val), " in sentences[1]
    assert peak < 13e6  # 9.6e6; a list of the pairs takes 16 bytes each for their places alone: 8e6 more


@pytest.mark.parametrize(
    ("one", "other", "apart"),
    [
        ("cat", "cart", True),
        ("cart", "cat", True),
        ("cat", "cut", True),
        ("cat", "Cats", True),
        ("cat", "cat", False),
        ("cat", "Cat", False),
        ("cat", "act", False),
        ("cat", "carts", False),
        ("", "a", True),
        ("ab", "ba", False),
    ],
)
def test_one_edit(one: str, other: str, apart: bool) -> None:
    assert one_edit_apart(one, other) is apart


def test_spellings() -> None:
    boats = [sample(f"b{i}", (0, 1)) for i in range(5)]
    assert advice(("boat", "goat"), *boats) == []  # two classes
    assert (
        "'boat' (5 images) and 'boad' (1) are spelt alike"
        in advice(("boat", "boad"), *(sample(f"b{i}", (0,)) for i in range(5)), sample("c", (1,)))[0]
    )
    assert "'Boat' (1 images) and 'boat' (1)" in advice(("Boat", "boat"), sample("a", (0, 1)))[0]


def test_classes_that_may_mean_that_nothing_is_to_be_found() -> None:
    samples = sample("a", (0,)), sample("b", (1,)), sample("c", (1,))
    sentences = advice(("crack", "good"), *samples)
    assert sentences == [
        "'good' (2 images) is a class: if it means that nothing is to be found, "
        "data.rename {'good': background} (--rename good=background) makes it no label"
    ]
    (sentence,) = advice(("crack", "No Finding"), *samples)
    assert "(--rename 'No Finding=background')" in sentence  # as a shell reads it


def test_sizes() -> None:
    sentences = advice(
        ("cat",), sample("a", (0,), size=(30, 128)), sample("b", (0,), size=(31, 31)), sample("c", (0,))
    )
    assert sentences[0].startswith("1 image(s) are narrower than one cell of the feature map (32 pixels at")
    assert sentences[0].endswith(": a")
    assert sentences[1] == "1 image(s) are enlarged more than four times: b"


def test_imbalance() -> None:
    samples = [sample(f"a{i}", (0,)) for i in range(11)]
    assert advice(("cat", "dog"), *samples, sample("b", (1,))) == [
        "classes with less than a tenth of the images of cat (11) in train: dog (1)"
    ]
    assert advice(("cat", "dog"), *samples[1:], sample("b", (1,))) == []


@pytest.mark.parametrize("others", [0, 1])
def test_a_class_of_all_training_images_is_named(others: int) -> None:
    samples = [sample(f"a{i}", (0,)) for i in range(60)]
    samples += [sample("v", (), "val"), *(sample(f"b{i}", ()) for i in range(others))]
    sentences = untold(("crack",), samples)
    expected = "no image of train is without 'crack': add images without it, with an empty label"
    assert sentences == ([] if others else [expected])


@pytest.mark.parametrize("others", [0, 19, 20])
@pytest.mark.parametrize("small_objects", [False, True])
@pytest.mark.parametrize("background", [False, True])
def test_classes_without_a_level_are_named(others: int, small_objects: bool, background: bool) -> None:
    samples = [sample(f"a{i}", (0, 1)) for i in range(60)]
    samples += [sample("v", (), "val"), *(sample(f"b{i}", (0,)) for i in range(others + 20))]
    samples += [sample(f"c{i}", (1,)) for i in range(others)]
    sentences = untold(("leaf", "spot"), samples, small_objects=small_objects, background=background)
    named = [line for line in sentences if "are without" in line]
    assert bool(named) == (small_objects and background and others < 20)
    assert all(f"leaf ({others});" in line and "heatmaps.objects: large" in line for line in named)


def test_classes_of_few_images_are_named() -> None:
    samples = [sample(f"a{i}", (0,) if i < 50 else (1,)) for i in range(99)]
    assert untold(("cat", "dog"), samples) == [
        "classes with fewer than 50 images in train: dog (49); heatmaps of them will be rough"
    ]


def fixed_set_up(seed: int) -> np.ndarray:
    """The same light and the same place, and something else on it."""
    light = 120 + 60 * np.sin(np.arange(96) / 12)[None, :] + np.linspace(0, 30, 80)[:, None]
    coarse = np.random.default_rng(seed).normal(0, 6, (20, 24))
    return np.dstack([np.clip(light + np.kron(coarse, np.ones((4, 4))), 0, 255)] * 3).astype(np.uint8)


def test_a_fixed_set_up_makes_no_copies_but_copies_are_found() -> None:
    images = [fixed_set_up(seed) for seed in range(30)]
    first = Image.fromarray(images[0])
    file = io.BytesIO()
    first.resize((48, 40)).save(file, "JPEG", quality=60)
    images += [np.asarray(first.resize((150, 120))), np.asarray(Image.open(file))]
    greys = [Image.fromarray(image).convert("L") for image in images]
    hashes, small = [difference_hash(grey) for grey in greys], [thumbnail(grey) for grey in greys]
    assert len(alike(hashes)) > 100  # the light alone decides the bits
    found = [pair for part in look_alikes(hashes, small) for pair in part.tolist()]
    assert found == [[0, 30], [0, 31], [30, 31]]
