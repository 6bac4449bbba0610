"""Data without background, made of a csv folder."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.no_background import as_class, without_background
from pipeline.base.files import read_csv, write_csv, write_lines
from pipeline.data.images import read_mask, write_image, write_mask


@pytest.mark.parametrize(
    ("background", "expected", "shown"),
    [(0, 2, False), (1, 3, True), (200, 3, True)],  # of 200 pixels; half a percent is one
    ids=["none", "just enough", "all"],
)
def test_background_becomes_a_class(background: int, expected: int, shown: bool) -> None:
    mask = np.full(200, 2, np.uint8)
    mask[:background] = 0
    made, found = as_class(mask.reshape(10, 20), 3)
    assert (made.ravel()[0], found) == (expected, shown)
    assert (made.ravel()[background:] == 2).all()


def test_few_pixels_are_open_and_no_label() -> None:
    mask = np.ones((20, 30), np.uint8)  # half a percent is three pixels
    mask[0, :2] = 0
    mask[1, 0] = 255
    made, shown = as_class(mask, 4)
    assert not shown
    assert made[0, :3].tolist() == [255, 255, 1]
    assert made[1, 0] == 255


def test_a_folder_gets_the_class_its_labels_and_its_ids(tmp_path: Path) -> None:
    folder, target = tmp_path / "given", tmp_path / "made"
    masks = {"a": [[0, 1]], "b": [[1, 2]], "c": [[0, 0]]}
    for name, ids in masks.items():
        write_image(folder / "images" / f"{name}.png", np.zeros((1, 2, 3), np.uint8))
        write_mask(folder / "masks" / f"{name}.png", np.array(ids, np.uint8))
    rows = [("a", "water"), ("b", "water;road"), ("c", "")]
    columns = ("image", "labels", "split")
    write_csv(
        folder / "labels.csv",
        columns,
        [dict(zip(columns, (f"{name}.png", labels, "train"), strict=True)) for name, labels in rows],
    )
    write_lines(folder / "classes.txt", ["water", "road"])
    without_background(folder, target, "bare")
    labels = {row["image"]: row["labels"] for row in read_csv(target / "labels.csv")}
    assert labels == {"a.png": "water;bare", "b.png": "water;road", "c.png": "bare"}
    assert (target / "classes.txt").read_text().split() == ["water", "road", "bare"]
    made = {name: read_mask(target / "masks" / f"{name}.png").tolist() for name in masks}
    assert made == {"a": [[3, 1]], "b": [[1, 2]], "c": [[3, 3]]}
