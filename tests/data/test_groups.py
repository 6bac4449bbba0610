"""Groups of images of one source: a drawn split never parts one, and likely groups are named."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from pipeline.data.groups import likely_groups
from pipeline.data.inspection import Inspection, inspect_folder
from pipeline.data.val_split import choose_val
from tests.image_folder import data_params, write_image_file, write_labels


def make_set(folder: Path, names: list[str], groups: list[str] | None = None, splits: str = "") -> None:
    rows = []
    for i, name in enumerate(names):
        image = np.random.default_rng(i).integers(0, 255, (40, 40, 3)).astype(np.uint8)
        write_image_file(folder / f"images/{name}.png", image)
        row = {"image": f"{name}.png", "labels": ("cat", "dog", "")[i % 3]}
        row |= {"group": groups[i]} if groups else {}
        rows.append(row | ({"split": "train" if splits[i] == "t" else "val"} if splits else {}))
    write_labels(folder, rows)


def inspect(folder: Path, **changes: object) -> Inspection:
    inspection = inspect_folder("csv", folder, data_params(**changes), 0)
    assert inspection.errors == ()
    return inspection


def splits_of(inspection: Inspection) -> dict[str, str]:
    assert inspection.manifest is not None
    return {sample.name: sample.split for sample in inspection.manifest.samples}


@given(
    groups=st.lists(st.integers(0, 9), min_size=30, max_size=90),
    share=st.sampled_from([0.1, 0.2, 0.5]),
    seed=st.integers(0, 9),
)
def test_a_group_is_never_parted(groups: list[int], share: float, seed: int) -> None:
    labels = {f"a{i}": (("x",), ("y",), ("x", "y"), ())[i % 4] for i in range(len(groups))}
    named = {f"a{i}": f"g{group}" for i, group in enumerate(groups)}
    val = choose_val(labels, share, seed, groups=named)
    inside = {named[name] for name in val}
    assert val == {name for name in labels if named[name] in inside}
    left = Counter(label for name, ls in labels.items() if name not in val for label in ls or ("",))
    assert not val or all(left[label] > 0 for label in ("x", "y", ""))


def test_groups_keep_the_share_of_each_class() -> None:
    labels = {f"a{i}": (("x",), ("y",))[i // 5 % 2] for i in range(400)}
    val = choose_val(labels, 0.2, 0, groups={name: f"g{i // 5}" for i, name in enumerate(labels)})
    assert Counter(labels[name][0] for name in val) == {"x": 40, "y": 40}


def test_groups_of_one_image_change_nothing() -> None:
    labels = {f"a{i}": (("x",), ("y",), ())[i % 3] for i in range(50)}
    alone = choose_val(labels, 0.3, 4)
    assert choose_val(labels, 0.3, 4, groups={name: name for name in labels}) == alone


def test_the_column_and_the_pattern_give_groups(tmp_path: Path) -> None:
    names = [f"p{i // 4}_{i % 4}" for i in range(40)]
    make_set(tmp_path / "column", names, [f"patient {i // 4}" for i in range(40)])
    make_set(tmp_path / "pattern", names)
    column, pattern = inspect(tmp_path / "column"), inspect(tmp_path / "pattern", group_by=r"^(p\d+)_")
    for inspection in (column, pattern):
        assert len(set(inspection.groups.values())) == 10
        val = {name.split("_")[0] for name, split in splits_of(inspection).items() if split == "val"}
        train = {name.split("_")[0] for name, split in splits_of(inspection).items() if split == "train"}
        assert val
        assert not val & train


def test_a_group_of_a_given_split_is_not_drawn(tmp_path: Path) -> None:
    names = [f"p{i // 4}_{i % 4}" for i in range(40)]
    make_set(tmp_path, names, [f"{i // 4}" for i in range(40)], "t" * 40)
    text = (tmp_path / "labels.csv").read_text().splitlines()
    given = [line.replace("train", "" if i % 4 else "test") for i, line in enumerate(text[1:])]
    (tmp_path / "labels.csv").write_text("\n".join([text[0], *given]))
    inspection = inspect_folder("csv", tmp_path, data_params(), 0)
    assert any("expected a split val, got none, and too few images" in line for line in inspection.errors)


def test_a_split_that_parts_groups_is_said(tmp_path: Path) -> None:
    names = [f"p{i // 4}_{i % 4}" for i in range(24)]
    make_set(tmp_path, names, [f"{i // 4}" for i in range(24)], "tttt" * 4 + "ttvv" + "vvvv")
    (warning,) = inspect(tmp_path).warnings
    assert "expected groups that lie in one split, got 1 in several splits: 4" in warning


@pytest.mark.parametrize(
    "pattern",
    ["scene{0}_tile_{1:02d}", "slide_{0}/{1:03d}", "case-{0}-{1}", "{0}m ({1})", "rock{0}_0_{1}00"],
)
def test_numbered_parts_of_sources_are_asked_about(pattern: str, tmp_path: Path) -> None:
    make_set(tmp_path, [pattern.format(i // 6, i % 6) for i in range(36)])
    (warning,) = [line for line in inspect(tmp_path).warnings if "--group-by" in line]
    assert "expected images of one source in one split" in warning
    assert re.search(r"got \d+ of 6 sources in several splits", warning)


@pytest.mark.parametrize(
    "names",
    [
        [f"photo-{i:02d}" for i in range(40)],
        [f"{('cat', 'dog', 'bird')[i % 3]}_{i}" for i in range(40)],
        [f"{('cat', 'dog', 'bird')[i % 3]}/{i}" for i in range(40)],
        [f"{2007 + i % 5}_{i * 7919 % 100000:06d}" for i in range(60)],
        [f"{i * 104729:08x}x" for i in range(40)],
        ["1" * 200 + "x", *map(str, range(30))],
        [f"{part}/seg/{'abc'[i % 3]}/{part}_seg_{'abc'[i % 3]}{i // 3}" for part in "xy" for i in range(18)],
        [f"{kind}/all/{kind}_{i}" for kind in ("sea", "forest", "town") for i in range(6)],
        [
            f"seg_{s}/{kind}/{i}"
            for s in ("train", "test")
            for kind in ("cat", "dog", "bird")
            for i in range(6)
        ],
        [f"my-{s}/cat/{i}" for s in ("train", "val", "test") for i in range(6)],
        [f"set/{kind}/train_{kind}-{i}" for kind in ("sea", "forest", "town") for i in range(6)],
    ],
)
def test_numbers_of_single_images_are_no_groups(names: list[str]) -> None:
    assert likely_groups(names, ["cat", "dog", "bird"]) == {}


@pytest.mark.parametrize("pattern", ["(", "scene\\d+"])
def test_a_pattern_without_a_group_is_refused(pattern: str) -> None:
    with pytest.raises(ValidationError, match="regular expression"):
        data_params(group_by=pattern)


def test_a_pattern_that_finds_nothing_is_said(tmp_path: Path) -> None:
    make_set(tmp_path, [f"a{i}" for i in range(30)])
    assert any(
        "expected groups by '^(x)', got none" in line for line in inspect(tmp_path, group_by="^(x)").warnings
    )
