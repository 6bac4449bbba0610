"""`data.background`: what `prepare` makes of the id 0, and what `check` says."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.images import read_mask, write_image, write_mask
from pipeline.data.inspection import Inspection, write_ground_truth
from pipeline.data.manifest import read_manifest, write_manifest
from tests.data.folders import inspect

LABELS = {"a": "field;wood", "b": "wood", "c": "field", "d": "field"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Four images of 6 x 8 pixels whose masks have no 0."""
    path = tmp_path / "land"
    for number, name in enumerate(LABELS):
        noise = np.random.default_rng(number).integers(0, 256, (6, 8, 3), np.uint8)
        write_image(path / "images" / f"{name}.png", noise)
        mask = np.full((6, 8), 1 if "field" in LABELS[name] else 2, np.uint8)
        mask[:, 5:] = 2 if "wood" in LABELS[name] else 1
        write_mask(path / "masks" / f"{name}.png", mask)
    rows = "".join(f"{name}.png,{labels}\n" for name, labels in LABELS.items())
    (path / "labels.csv").write_text(f"image,labels\n{rows}")
    return path


def about_background(inspection: Inspection) -> list[str]:
    return [line for line in inspection.warnings if "background" in line.partition(": ")[2]]


def test_masks_without_the_id_0_are_asked_about(folder: Path) -> None:
    (line,) = about_background(inspect("csv", folder))
    assert "set data.background to false (`camseg use --no-background`)" in line
    assert not about_background(inspect("csv", folder, background=False))


def test_one_mask_with_background_is_enough(folder: Path) -> None:
    mask = read_mask(folder / "masks/a.png")
    mask[0, 0] = 0
    write_mask(folder / "masks/a.png", mask)
    assert not about_background(inspect("csv", folder))


def test_without_masks_nothing_is_asked(folder: Path) -> None:
    for file in (folder / "masks").iterdir():
        file.unlink()
    assert not about_background(inspect("csv", folder))


def test_images_without_a_label_are_named(folder: Path) -> None:
    table = folder / "labels.csv"
    table.write_text(table.read_text().replace("b.png,wood", "b.png,"))
    (line,) = about_background(inspect("csv", folder, background=False))
    assert "got 1 without: b" in line


def test_the_id_0_becomes_open(folder: Path, tmp_path: Path) -> None:
    raw = read_mask(folder / "masks/a.png")
    raw[2] = 0
    write_mask(folder / "masks/a.png", raw)
    inspection = inspect("csv", folder, background=False)
    write_ground_truth(inspection, tmp_path / "truth")
    assert np.array_equal(read_mask(tmp_path / "truth/a.png"), np.where(raw == 0, 255, raw))
    assert inspection.manifest
    assert not inspection.manifest.background
    write_manifest(tmp_path, inspection.manifest)
    assert read_manifest(tmp_path) == inspection.manifest
