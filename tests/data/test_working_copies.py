"""Large images are shrunk once, and masks between the two sizes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional

from pipeline import paths
from pipeline.data.images import encode_jpeg, id_counts, read_image, read_shrunk_image, resize_mask
from pipeline.data.inspection import inspect_folder, write_ground_truth
from pipeline.data.mask_store import load_mask
from tests.image_folder import data_params, write_image_file

ImageFolder = Callable[..., Path]
SIDES = st.integers(1, 40)


@pytest.fixture(autouse=True)
def one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """No processes for a handful of images."""
    monkeypatch.setenv("CAMSEG_WORKERS", "1")


def files(folder: Path) -> dict[str, bytes]:
    return {
        f.relative_to(folder).as_posix(): f.read_bytes() for f in sorted(folder.rglob("*")) if f.is_file()
    }


def test_shrinking_against_torch(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (90, 140, 3)).astype(np.uint8)
    write_image_file(tmp_path / "a.png", image)
    small, size = read_shrunk_image(tmp_path / "a.png", 50)
    tensor = torch.from_numpy(image).permute(2, 0, 1)[None].float()
    expected = functional.interpolate(tensor, (32, 50), mode="bilinear", align_corners=False, antialias=True)
    assert size == (90, 140)
    assert np.abs(small - expected[0].permute(1, 2, 0).numpy()).max() <= 1  # whole numbers in two steps


def test_a_small_image_comes_as_it_is_and_a_turned_one_upright(tmp_path: Path) -> None:
    image = np.random.default_rng(0).integers(0, 256, (30, 50, 3)).astype(np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(image).save(tmp_path / "a.png", exif=exif)
    for max_side in (50, None):
        same, size = read_shrunk_image(tmp_path / "a.png", max_side)
        np.testing.assert_array_equal(same, np.rot90(image, -1))
        assert size == (50, 30)
    small, size = read_shrunk_image(tmp_path / "a.png", 25)
    assert (small.shape, size) == ((25, 15, 3), (50, 30))


@given(SIDES, SIDES, SIDES, SIDES, st.integers(0, 99))
def test_ids_come_from_the_nearest_pixel(height: int, width: int, rows: int, columns: int, seed: int) -> None:
    mask = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    resized = resize_mask(mask, (rows, columns))
    row = np.floor((np.arange(rows) + 0.5) * height / rows + 1e-9).astype(int)
    column = np.floor((np.arange(columns) + 0.5) * width / columns + 1e-9).astype(int)
    ties = (np.outer(2 * np.arange(rows) + 1, height) % (2 * rows) == 0).any() or (
        np.outer(2 * np.arange(columns) + 1, width) % (2 * columns) == 0
    ).any()
    if not ties:  # two pixels are equally near: either is right
        np.testing.assert_array_equal(resized, mask[row][:, column])
    assert set(np.unique(resized)) <= set(np.unique(mask))


@given(SIDES, SIDES, st.integers(0, 60), st.integers(0, 60), st.integers(0, 99))
def test_an_enlarged_mask_shrinks_to_what_it_was(
    height: int, width: int, more: int, wider: int, seed: int
) -> None:
    mask = np.random.default_rng(seed).integers(0, 256, (height, width)).astype(np.uint8)
    large = resize_mask(mask, (height + more, width + wider))
    np.testing.assert_array_equal(resize_mask(large, mask.shape), mask)
    np.testing.assert_array_equal(id_counts(mask), np.bincount(mask.ravel(), minlength=256))


def test_large_images_get_a_copy_and_small_ones_stay_where_they_are(
    image_folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = image_folder("photos")
    before = files(folder)
    inspection = inspect_folder("csv", folder, data_params(max_side=70), 0, paths.COPIES)
    write_ground_truth(inspection, paths.GROUND_TRUTH)
    manifest = inspection.manifest
    assert manifest is not None
    written = files(paths.COPIES)
    for sample in manifest.samples:
        own = read_image(folder / "images" / f"{sample.name}.jpg")
        shrunk, size = read_shrunk_image(folder / "images" / f"{sample.name}.jpg", 70)
        assert sample.original_size == size == own.shape[:2]
        assert (sample.height, sample.width) == shrunk.shape[:2]
        if max(size) <= 70:
            assert (sample.original_height, sample.original_width) == (0, 0)
            np.testing.assert_array_equal(manifest.image(sample), own)
            assert not sample.copy_in(paths.COPIES).exists()
        else:
            assert max(sample.height, sample.width) == 70
            assert written.pop(f"{sample.name}.jpg") == encode_jpeg(shrunk)
            error = manifest.image(sample).astype(int) - shrunk
            assert np.abs(error).mean() < 4
        assert manifest.original(sample) == folder / "images" / f"{sample.name}.jpg"
        with Image.open(folder / "masks" / f"{sample.name}.png") as mask:
            expected = resize_mask(np.asarray(mask), (sample.height, sample.width))
        np.testing.assert_array_equal(load_mask(paths.GROUND_TRUTH, sample), expected)
    assert written == {}
    assert files(folder) == before
    monkeypatch.setenv("CAMSEG_WORKERS", "2")
    monkeypatch.setattr("pipeline.base.parallel.FEW", 0)
    again = inspect_folder("csv", folder, data_params(max_side=70), 0, Path("two"))
    assert again.manifest == manifest
    assert files(Path("two")) == files(paths.COPIES)


def test_a_check_writes_nothing(
    image_folder: ImageFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = image_folder("photos")
    before = files(tmp_path)
    assert inspect_folder("csv", folder, data_params(max_side=70), 0).manifest is not None
    assert files(tmp_path) == before


def test_an_image_that_is_left_out_gets_no_copy(image_folder: ImageFolder, tmp_path: Path) -> None:
    folder = image_folder("photos")
    (folder / "images/photo-00.jpg").write_bytes(b"no image")
    data = data_params(max_side=64, on_bad_image="skip")
    inspect_folder("csv", folder, data, 0, tmp_path / "copies")
    assert "photo-00.jpg" not in files(tmp_path / "copies")
    assert "photo-02.jpg" in files(tmp_path / "copies")


def test_classes_that_nearly_vanish_are_named(image_folder: ImageFolder) -> None:
    folder = image_folder("photos")
    image, mask = np.zeros((480, 720, 3), np.uint8), np.zeros((480, 720), np.uint8)
    image[:, 360:] = 200
    mask[:100] = 2
    mask[:20, :20] = 1  # 4 pixels after it shrinks by 10
    write_image_file(folder / "images/photo-00.jpg", image)
    write_image_file(folder / "masks/photo-00.png", mask)
    (line,) = inspect_folder("csv", folder, data_params(max_side=72), 0).warnings
    assert "expected at least 16 pixels of each class of an image at data.max_side 72" in line
    assert "1 with fewer: photo-00. Raise data.max_side" in line
    assert inspect_folder("csv", folder, data_params(max_side=360), 0).warnings == ()
