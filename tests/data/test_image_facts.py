"""Sets of images of more than 8 bits: one range for all, working copies, what `check` says."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from pipeline import paths
from pipeline.data.inspection import Inspection, inspect_folder
from pipeline.data.manifest import read_manifest, write_manifest
from tests.image_folder import data_params

ImageFolder = Callable[..., Path]

RAMP = np.linspace(0, 4095, 64 * 80).reshape(64, 80).astype(np.uint16)


@pytest.fixture
def deep_folder(image_folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images of 12 bits in 16, each half as bright as the one before or as bright as the first."""
    monkeypatch.chdir(tmp_path)
    folder = image_folder("photos")
    for number, file in enumerate(sorted((folder / "images").iterdir())):
        with Image.open(file) as image:
            size = image.size
        ramp = np.array(Image.fromarray(RAMP.astype(np.int32)).resize(size)).astype(np.uint16)
        file.unlink()
        tifffile.imwrite(file, ramp // (number % 2 + 1), photometric="minisblack")
    return folder


def inspect(folder: Path, **changes: Any) -> Inspection:
    return inspect_folder("csv", folder, data_params(**changes), 0, copies=paths.COPIES)


def test_one_range_serves_the_whole_set(deep_folder: Path) -> None:
    inspection = inspect(deep_folder)
    manifest = inspection.manifest
    assert manifest is not None
    assert manifest.reading.ranges is not None
    ((low, high),) = manifest.reading.ranges
    assert 0 <= low < 60
    assert 4000 < high <= 4095
    tops = {int(manifest.image(sample).max()) for sample in manifest.samples}
    assert {top > 250 for top in tops} == {True, False}  # the dim ones stay dim
    assert any("16 bits, values from " in line for line in inspection.values)


def test_copies_lose_nothing_and_have_the_size_of_the_image(deep_folder: Path) -> None:
    manifest = inspect(deep_folder).manifest
    assert manifest is not None
    for sample in manifest.samples:
        assert sample.has_copy
        assert sample.original_size == (sample.height, sample.width)
        assert sample.copy_in(paths.COPIES).suffix == ".png"
        ((low, high),) = manifest.reading.ranges or ()
        values = tifffile.imread(manifest.original(sample)).astype(np.float64)
        expected = np.rint(np.clip((values - low) / (high - low), 0, 1) * 255)
        np.testing.assert_array_equal(manifest.image(sample)[..., 0], expected)


def test_large_ones_shrink(deep_folder: Path) -> None:
    manifest = inspect(deep_folder, max_side=64).manifest
    assert manifest is not None
    for sample in manifest.samples:
        assert max(sample.height, sample.width) <= 64
        assert manifest.image(sample).shape[:2] == (sample.height, sample.width)


def test_a_given_range_and_one_for_each_image(deep_folder: Path) -> None:
    given = inspect(deep_folder, intensity=[0, 8000]).manifest
    assert given is not None
    assert given.reading.ranges == ((0, 8000),)
    assert max(given.image(sample).max() for sample in given.samples) <= 131
    own = inspect(deep_folder, intensity="image").manifest
    assert own is not None
    assert own.reading.ranges is None
    assert all(own.image(sample).max() == 255 for sample in own.samples)


def test_the_range_does_not_depend_on_workers(deep_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = inspect(deep_folder)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    second = inspect(deep_folder)
    assert first == second


def test_validation_images_do_not_move_the_range(deep_folder: Path) -> None:
    manifest = inspect(deep_folder).manifest
    assert manifest is not None
    for sample in manifest.split("val"):
        file = manifest.original(sample)
        tifffile.imwrite(file, tifffile.imread(file) + np.uint16(30000), photometric="minisblack")
    again = inspect(deep_folder).manifest
    assert again is not None
    assert again.reading == manifest.reading


def test_the_manifest_keeps_the_reading(deep_folder: Path, tmp_path: Path) -> None:
    manifest = inspect(deep_folder).manifest
    assert manifest is not None
    write_manifest(tmp_path / "m", manifest)
    assert read_manifest(tmp_path / "m") == manifest
    assert json.loads((tmp_path / "m/manifest.json").read_text())["reading"]["ranges"]


def test_dark_flat_and_clipped_images_are_named(deep_folder: Path) -> None:
    warnings = "\n".join(inspect(deep_folder, intensity=[0, 1_000_000]).warnings)
    assert "nearly black" in warnings
    assert "data.intensity: image gives each image its own range" in warnings
    assert "fewer than 32 of the 256 grey levels" in "\n".join(
        inspect(deep_folder, intensity=[-9000, 60000]).warnings
    )
    assert "more than 10% of their values outside" in "\n".join(
        inspect(deep_folder, intensity=[0, 1000]).warnings
    )
    assert "grey levels" not in "\n".join(inspect(deep_folder).warnings)


def test_stacks_are_refused_by_name_and_read_with_a_frame(deep_folder: Path) -> None:
    file = sorted((deep_folder / "images").iterdir())[0]
    image = tifffile.imread(file)
    tifffile.imwrite(file, np.stack([image, image]), photometric="minisblack")
    (line,) = inspect(deep_folder).errors
    assert file.name in line
    assert "Set data.frame" in line
    chosen = inspect(deep_folder, frame=2)
    assert chosen.manifest is not None
    assert any("1 with several, of which one is read" in line for line in chosen.warnings)


def test_8_bit_images_get_no_copy_and_no_range(image_folder: ImageFolder) -> None:
    inspection = inspect_folder("csv", image_folder("photos"), data_params(), 0)
    assert inspection.manifest is not None
    assert inspection.manifest.reading.ranges is None
    assert not any(sample.has_copy for sample in inspection.manifest.samples)
    assert len(inspection.values) == 1
