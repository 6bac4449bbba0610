"""Training images that are held out: which ones, and what `prepare` writes of them."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import paths
from pipeline.data.held_out import choose_held_out, part_held_out, read_held_out
from pipeline.data.manifest import Manifest, Sample, Split
from pipeline.params import Params, load_params
from pipeline.workflows.preparation import prepare_data
from tests.data.test_groups import make_set
from tests.image_folder import data_params

CLASSES = ("a", "b", "c")
SHIPPED = load_params(Path(__file__).parents[2] / "params.yaml")


def sample(number: int, labels: tuple[int, ...], split: Split = "train") -> Sample:
    return Sample(f"{number:03d}", f"{number}.png", "", 24, 32, labels, split, False, False)


@settings(max_examples=40, deadline=None)
@given(
    labels=st.lists(st.sets(st.integers(0, 2), max_size=2).map(sorted).map(tuple), min_size=40, max_size=80),
    groups=st.lists(st.integers(0, 12), min_size=80, max_size=80),
    seed=st.integers(0, 9),
)
def test_groups_stay_whole_and_each_class_is_still_learnt(
    labels: list[tuple[int, ...]], groups: list[int], seed: int
) -> None:
    samples = [sample(i, of_image, "val" if i % 5 == 0 else "train") for i, of_image in enumerate(labels)]
    manifest = Manifest("", CLASSES, tuple(samples))
    named = {s.name: f"g{group}" for s, group in zip(samples, groups, strict=False) if group < 10}
    names = choose_held_out(manifest, named, 0.1, seed)
    learnt, held = part_held_out(manifest, set(names))
    assert [s.name for s in held] == names
    assert {*learnt, *held} == set(manifest.split("train"))
    assert not set(learnt) & set(held)
    assert not {named.get(s.name, s.name) for s in learnt} & {named.get(s.name, s.name) for s in held}
    # One of a class that is there once, or in one group alone, is not taken.
    assert {c for s in held for c in s.labels} <= {c for s in learnt for c in s.labels}


def test_a_tenth_of_each_class_is_held_out() -> None:
    manifest = Manifest("", CLASSES, tuple(sample(i, ((), (0,), (1,), (2,))[i % 4]) for i in range(200)))
    names = choose_held_out(manifest, {}, 0.1, 0)
    _, held = part_held_out(manifest, set(names))
    assert Counter(s.labels for s in held) == {(): 5, (0,): 5, (1,): 5, (2,): 5}
    assert names == choose_held_out(manifest, {}, 0.1, 0)
    assert names != choose_held_out(manifest, {}, 0.1, 1)


def params_of(folder: Path, share: float) -> Params:
    return SHIPPED.model_copy(update={"data": data_params(path=str(folder), held_out=share)})


@pytest.mark.parametrize("share", [0, 0.2])
def test_prepare_writes_their_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float) -> None:
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    names = [f"p{i // 4}_{i % 4}" for i in range(40)]
    make_set(tmp_path / "photos", names, [f"patient {i // 4}" for i in range(40)])
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    manifest, _ = prepare_data(params_of(tmp_path / "photos", share))
    held = read_held_out(paths.PREPARED)
    if share == 0:
        assert not held
        assert not (paths.PREPARED / paths.HELD_OUT).exists()
        return
    train = {s.name for s in manifest.split("train")}
    assert held < train
    patients = {name.split("_")[0] for name in held}
    assert {name for name in train if name.split("_")[0] in patients} == held
    assert len(held) == pytest.approx(share * len(train), abs=4)
