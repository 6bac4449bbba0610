"""The bench of variants: how it sets training images aside."""

import csv
from pathlib import Path

from benchmarks.accuracy import choosing_copy
from tests.image_folder import make_image_folder


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
