"""Reading and writing of pictures and masks, against pixels that are known."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.data import pictures
from pipeline.data.pictures import PictureError

IDS = np.array([[0, 1, 2], [3, 255, 1]], np.uint8)  # height 2, width 3
RGB = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10


def save(file: Path, pixels: np.ndarray, **options: Any) -> Path:
    Image.fromarray(pixels).save(file, **options)
    return file


def test_picture_comes_back_as_written(tmp_path: Path) -> None:
    pictures.write_image(tmp_path / "a.png", RGB)
    np.testing.assert_array_equal(pictures.read_image(tmp_path / "a.png"), RGB)
    assert pictures.image_size(tmp_path / "a.png") == (2, 4)


# Pixel (0, 0) of the upright picture by EXIF orientation, as (row, column) of the stored 2 x 4 one:
# 1 as stored; 3 turned by 180 degrees; 6 is stored turned to the left, 8 to the right.
@pytest.mark.parametrize(
    ("orientation", "corner", "size"),
    [(1, (0, 0), (2, 4)), (3, (1, 3), (2, 4)), (6, (1, 0), (4, 2)), (8, (0, 3), (4, 2))],
)
def test_exif_rotation_is_applied(
    tmp_path: Path, orientation: int, corner: tuple[int, int], size: tuple[int, int]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    file = save(tmp_path / "a.png", RGB, exif=exif)
    upright = pictures.read_image(file)
    assert upright.shape[:2] == pictures.image_size(file) == size
    np.testing.assert_array_equal(upright[0, 0], RGB[corner])


def test_grey_rgba_and_16_bit_become_rgb(tmp_path: Path) -> None:
    grey = RGB[..., 0]
    expected = np.stack([grey] * 3, axis=-1)
    np.testing.assert_array_equal(pictures.read_image(save(tmp_path / "grey.png", grey)), expected)
    # 16 bits: the high byte counts, so 257 * v becomes v.
    deep = save(tmp_path / "deep.png", grey.astype(np.uint16) * 257)
    np.testing.assert_array_equal(pictures.read_image(deep), expected)
    rgba = np.concatenate([RGB, np.full((2, 4, 1), 7, np.uint8)], axis=-1)
    np.testing.assert_array_equal(pictures.read_image(save(tmp_path / "rgba.png", rgba)), RGB)


def test_floating_point_picture_is_refused(tmp_path: Path) -> None:
    file = save(tmp_path / "a.tif", RGB[..., 0].astype(np.float32))
    with pytest.raises(PictureError, match=r"a\.tif: expected 8 or 16 bits"):
        pictures.read_image(file)


def test_mask_comes_back_as_written_in_voc_colours(tmp_path: Path) -> None:
    pictures.write_mask(tmp_path / "m.png", IDS)
    np.testing.assert_array_equal(pictures.read_mask(tmp_path / "m.png"), IDS)
    image = Image.open(tmp_path / "m.png")
    assert image.mode == "P"
    # VOC: 1 aeroplane dark red, 2 bicycle dark green, 3 bird olive, 255 border light grey.
    colours = np.asarray(image.convert("RGB"))
    assert colours[0].tolist() == [[0, 0, 0], [128, 0, 0], [0, 128, 0]]
    assert colours[1, :2].tolist() == [[128, 128, 0], [224, 224, 192]]
    image.close()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32])
def test_grey_masks_hold_ids(tmp_path: Path, dtype: type) -> None:
    suffix = "tif" if dtype is np.int32 else "png"
    file = save(tmp_path / f"m.{suffix}", IDS.astype(dtype))
    mask = pictures.read_mask(file)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, IDS)


def test_black_and_white_mask_holds_0_and_1(tmp_path: Path) -> None:
    file = save(tmp_path / "m.png", IDS > 1)
    np.testing.assert_array_equal(pictures.read_mask(file), [[0, 0, 1], [1, 1, 0]])


def test_palette_of_any_order_keeps_its_ids(tmp_path: Path) -> None:
    image = Image.fromarray(IDS)
    image.putpalette([255 - value % 256 for value in range(768)])
    image.save(tmp_path / "m.png")
    np.testing.assert_array_equal(pictures.read_mask(tmp_path / "m.png"), IDS)


def test_colour_masks_and_large_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"m\.png: expected a mask of one channel.* got mode RGB"):
        pictures.read_mask(save(tmp_path / "m.png", RGB))
    rgba = save(tmp_path / "n.png", np.zeros((2, 3, 4), np.uint8))
    with pytest.raises(PictureError, match="got mode RGBA"):
        pictures.read_mask(rgba)
    large = save(tmp_path / "l.png", IDS.astype(np.uint16) + 1)
    with pytest.raises(PictureError, match=r"expected ids 0\.\.255, got 1\.\.256"):
        pictures.read_mask(large)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp"])
def test_truncated_files_are_named(tmp_path: Path, suffix: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    file = save(tmp_path / f"a.{suffix}", pixels)
    whole = file.read_bytes()
    for length in (0, 3, len(whole) // 2, len(whole) - 60):
        file.write_bytes(whole[:length])
        with pytest.raises(PictureError, match=rf"a\.{suffix}: cannot be read"):
            pictures.read_image(file)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match=r"a\.png: no such file"):
        pictures.read_image(tmp_path / "a.png")
    with pytest.raises(PictureError, match=r"a\.png: no such file"):
        pictures.image_size(tmp_path / "a.png")
