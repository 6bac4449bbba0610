"""The bench of variants: what it reads, how it sets training images aside, its table."""

import csv
import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from benchmarks.accuracy import Outcome, assignment, choosing_copy, markdown, named, seconds
from tests.image_folder import make_image_folder


def test_variants_are_a_name_and_values() -> None:
    variant = named("short: classifier.training.steps=20 segmentation.supervision=[cam,full] a.b=null")
    assert variant.name == "short"
    assert variant.values == {
        "classifier.training.steps": 20,
        "segmentation.supervision": ["cam", "full"],
        "a.b": None,
    }
    for text in ("steps=20", "a b: c=1", "a: b"):
        with pytest.raises(SystemExit):
            named(text)
    assert assignment("a=1e-3") == ("a", 0.001)


def test_choosing_never_touches_val(tmp_path: Path) -> None:
    folder = make_image_folder(tmp_path / "images")
    before = (folder / "labels.csv").read_bytes()
    with (folder / "labels.csv").open(newline="") as file:
        old = {row["image"]: row["split"] for row in csv.DictReader(file)}
    for _ in range(2):  # again: what is there already is kept
        copy = choosing_copy(folder, tmp_path / "copy")
    with (copy / "labels.csv").open(newline="") as file:
        new = {row["image"]: row["split"] for row in csv.DictReader(file)}
    assert (folder / "labels.csv").read_bytes() == before
    assert {name for name, split in new.items() if split == "test"} == {
        name for name, split in old.items() if split == "val"
    }
    chosen = {name for name, split in new.items() if split == "val"}
    assert chosen
    assert all(old[name] == "train" for name in chosen)
    assert {p.name for p in (copy / "images").iterdir()} == {p.name for p in (folder / "images").iterdir()}


def test_table_has_mean_and_spread() -> None:
    outcomes = [
        Outcome("shipped", 0, {"weak": 0.5, "full": None, "minutes": 10}),
        Outcome("other", 0, {"weak": 0.6, "full": 0.7, "minutes": 11}),
        Outcome("shipped", 1, {"weak": 0.7, "full": 0.7, "minutes": 12}),
    ]
    assert markdown(outcomes).splitlines() == [
        "| variant | seeds | weak | full | minutes |",
        "|---|---|---|---|---|",
        "| shipped | 2 | 0.600 ± 0.141 | – | 11.0 ± 1.4 |",  # noqa: RUF001
        "| other | 1 | 0.600 | 0.700 | 11.0 |",
    ]


def test_a_shared_stage_counts_the_seconds_of_where_it_ran(tmp_path: Path) -> None:
    locks = {
        "shipped-0": {"prepare": {"md5": 1}, "evaluate@cam": {"md5": 2}},
        "other-0": {"prepare": {"md5": 1}, "evaluate@cam": {"md5": 3}},
    }
    took = {"shipped-0": {"prepare": 10, "evaluate@cam": 5}, "other-0": {"evaluate@cam": 7}}
    for name, stages in locks.items():
        (tmp_path / name / "reports" / "seconds").mkdir(parents=True)
        with (tmp_path / name / "dvc.lock").open("w") as file:
            YAML().dump({"stages": stages}, file)
        for stage, value in took[name].items():
            file_path = tmp_path / name / "reports" / "seconds" / f"{stage}.json"
            file_path.write_text(json.dumps({"seconds": value}))
    assert seconds(tmp_path / "shipped-0") == 15
    assert seconds(tmp_path / "other-0") == 17
