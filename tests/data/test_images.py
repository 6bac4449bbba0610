"""Reading and writing of images and masks, against pixels that are known."""

import io
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from pipeline.data import images
from pipeline.data.images import ImageError
from pipeline.data.pixels.reading import ImageReading
from pipeline.formats.palette import voc_palette

IDS = np.array([[0, 1, 2], [3, 255, 1]], np.uint8)  # height 2, width 3
RGB = np.arange(24, dtype=np.uint8).reshape(2, 4, 3) * 10


def save(file: Path, pixels: np.ndarray, **options: Any) -> Path:
    Image.fromarray(pixels).save(file, **options)
    return file


def test_image_comes_back_as_written(tmp_path: Path) -> None:
    images.write_image(tmp_path / "a.png", RGB)
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.png"), RGB)
    assert images.image_size(tmp_path / "a.png") == (2, 4)


# Pixel (0, 0) of the upright image by EXIF orientation, as (row, column) of the stored 2 x 4 one:
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
    upright = images.read_image(file)
    assert upright.shape[:2] == images.image_size(file) == size
    np.testing.assert_array_equal(upright[0, 0], RGB[corner])


@pytest.mark.parametrize("suffix", ["png", "webp", "jpg"])
@pytest.mark.parametrize(
    "exif",
    [b"Exif\0\0no TIFF header", b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x09" + bytes(7)],
)
def test_exif_that_says_nothing_leaves_the_image_as_stored(tmp_path: Path, suffix: str, exif: bytes) -> None:
    file = save(tmp_path / f"a.{suffix}", RGB, exif=exif)
    assert images.read_image(file).shape == (2, 4, 3)
    assert images.image_size(file) == (2, 4)
    assert images.image_format(file)[1] is False


def test_grey_rgba_and_16_bit_become_rgb(tmp_path: Path) -> None:
    grey = RGB[..., 0]
    expected = np.stack([grey] * 3, axis=-1)
    np.testing.assert_array_equal(images.read_image(save(tmp_path / "grey.png", grey)), expected)
    deep = save(tmp_path / "deep.png", grey.astype(np.uint16) * 257)
    reading = ImageReading(ranges=((0, 65535),))
    np.testing.assert_array_equal(images.read_image(deep, reading=reading), expected)
    assert images.read_image(save(tmp_path / "dot.png", grey[:1, :1])).shape == (1, 1, 3)


def test_transparent_parts_are_white(tmp_path: Path) -> None:
    rgba = np.concatenate([RGB, np.array([[[0], [255], [51], [255]]] * 2, np.uint8)], axis=-1)
    shown = images.read_image(save(tmp_path / "rgba.png", rgba))
    assert shown[0, 0].tolist() == [255, 255, 255]
    np.testing.assert_array_equal(shown[:, 1::2], RGB[:, 1::2])
    # Alpha 51 is a fifth: 0.2 * (60, 70, 80) + 0.8 * 255.
    np.testing.assert_allclose(shown[0, 2], [216, 218, 220], atol=1)
    palette = Image.fromarray(np.array([[0, 1]], np.uint8))
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.save(tmp_path / "p.png", transparency=0)
    assert images.read_image(tmp_path / "p.png").tolist() == [[[255, 255, 255], [40, 50, 60]]]
    grey = np.dstack([RGB[..., 0], np.array([[0] * 4, [255] * 4], np.uint8)])
    shown = images.read_image(save(tmp_path / "la.png", grey))
    assert (shown[0] == 255).all()
    np.testing.assert_array_equal(shown[1, :, 0], RGB[1, :, 0])


def test_complex_numbers_are_refused(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", RGB[..., 0].astype(np.complex64))
    with pytest.raises(ImageError, match=r"a\.tif: expected whole or floating-point numbers, got complex64"):
        images.read_image(tmp_path / "a.tif")


def test_mask_comes_back_as_written_in_voc_colours(tmp_path: Path) -> None:
    images.write_mask(tmp_path / "m.png", IDS)
    np.testing.assert_array_equal(images.read_mask(tmp_path / "m.png"), IDS)
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
    mask = images.read_mask(file)
    assert mask.dtype == np.uint8
    np.testing.assert_array_equal(mask, IDS)


def test_black_and_white_mask_holds_0_and_1(tmp_path: Path) -> None:
    file = save(tmp_path / "m.png", IDS > 1)
    np.testing.assert_array_equal(images.read_mask(file), [[0, 0, 1], [1, 1, 0]])


def test_palette_of_any_order_keeps_its_ids(tmp_path: Path) -> None:
    image = Image.fromarray(IDS)
    image.putpalette([255 - value % 256 for value in range(768)])
    image.save(tmp_path / "m.png")
    np.testing.assert_array_equal(images.read_mask(tmp_path / "m.png"), IDS)


def test_colour_masks_and_large_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"m\.png: expected a mask of one channel.* got mode RGB"):
        images.read_mask(save(tmp_path / "m.png", RGB))
    rgba = save(tmp_path / "n.png", np.zeros((2, 3, 4), np.uint8))
    with pytest.raises(ImageError, match="got mode RGBA"):
        images.read_mask(rgba)
    large = save(tmp_path / "l.png", IDS.astype(np.uint16) + 1)
    with pytest.raises(ImageError, match=r"expected ids 0\.\.255, got 1\.\.256"):
        images.read_mask(large)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp"])
def test_truncated_files_are_named(tmp_path: Path, suffix: str) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    file = save(tmp_path / f"a.{suffix}", pixels)
    whole = file.read_bytes()
    for length in (0, 3, len(whole) // 2, len(whole) - 60):
        file.write_bytes(whole[:length])
        with pytest.raises(ImageError, match=rf"a\.{suffix}: cannot be read"):
            images.read_image(file)


def test_what_is_no_image_is_said_without_the_words_of_a_library(tmp_path: Path) -> None:
    for content, said in ((b"", "the file is empty"), (b"<html>404</html>", r"it is no JPEG, .*, or broken")):
        (tmp_path / "a.jpg").write_bytes(content)
        with pytest.raises(ImageError, match=rf"a\.jpg: cannot be read as an image: {said}$"):
            images.read_image(tmp_path / "a.jpg")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.png: no such file"):
        images.read_image(tmp_path / "a.png")
    with pytest.raises(ImageError, match=r"a\.png: no such file"):
        images.image_size(tmp_path / "a.png")


def test_content_decides_and_not_the_suffix(tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.jpg", format="PNG")
    np.testing.assert_array_equal(images.read_image(tmp_path / "a.jpg"), RGB)
    Image.fromarray(RGB).save(tmp_path / "a.png", format="EPS")  # a program of its own would draw it
    with pytest.raises(ImageError, match=r"a\.png: cannot be read"):
        images.read_image(tmp_path / "a.png")


def test_cmyk_becomes_rgb(tmp_path: Path) -> None:
    # No ink is white; full cyan takes all red away.
    ink = np.zeros((2, 3, 4), np.uint8)
    ink[0, 0, 0] = 255
    Image.fromarray(ink, "CMYK").save(tmp_path / "a.tif")
    shown = images.read_image(tmp_path / "a.tif")
    assert shown[0, 0].tolist() == [0, 255, 255]
    assert shown[1, 2].tolist() == [255, 255, 255]


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_first_frame_of_a_film(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (4, 2), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    options = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **options)
    assert images.read_image(tmp_path / f"a.{suffix}").tolist() == [[[255, 0, 0]] * 4] * 2


def test_large_images_are_refused_before_they_are_decoded(tmp_path: Path) -> None:
    file = save(tmp_path / "a.png", np.zeros((1000, 2000), np.uint8))
    assert images.read_image(file, max_megapixels=2).shape == (1000, 2000, 3)
    expected = r"a\.png: expected at most 1\.9 megapixels, got 1000 x 2000.*data\.max_megapixels"
    for read in (images.read_image, images.read_mask):
        with pytest.raises(ImageError, match=expected):
            read(file, max_megapixels=1.9)
    # A header that asks for 65000 x 65000 pixels, 12 GB: nothing after it is read.
    bomb = tmp_path / "bomb.bmp"
    Image.new("RGB", (3, 2)).save(bomb)
    content = bytearray(bomb.read_bytes())
    content[18:26] = np.array([65000, 65000], "<i4").tobytes()
    bomb.write_bytes(content)
    with pytest.raises(ImageError, match="got 65000 x 65000"):
        images.read_image(bomb)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "gif", "jpg", "bmp"])
def test_pixels_are_counted_without_decoding_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    def decode(image: ImageFile.ImageFile) -> None:
        raise AssertionError(image)

    file = save(tmp_path / f"a.{suffix}", np.zeros((20, 30, 3), np.uint8))
    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    assert images.pixel_count(file) == 600
    assert images.holds_image(file)


@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "gif", "jpg"])
def test_the_limit_of_pil_stops_no_image_and_stays_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    file = save(tmp_path / f"a.{suffix}", np.zeros((20, 30, 3), np.uint8))
    for limit in (500, 200):  # 600 pixels: PIL warns of more than its limit, and refuses more than twice that
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        assert images.read_image(file).shape == (20, 30, 3)
        assert images.image_size(file) == (20, 30)
        with pytest.raises(ImageError, match=r"at most 0\.0005 megapixels"):
            images.read_image(file, 0.0005)
        file.with_name("broken").write_bytes(file.read_bytes()[:20])
        with pytest.raises(ImageError):
            images.read_image(file.with_name("broken"))
        assert limit == Image.MAX_IMAGE_PIXELS


def test_the_last_of_several_readers_gives_pil_its_limit_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)
    file = save(tmp_path / "a.png", np.zeros((20, 30, 3), np.uint8))
    with ThreadPoolExecutor(8) as pool:
        shapes = list(pool.map(lambda _: images.read_image(file).shape, range(400)))
    assert set(shapes) == {(20, 30, 3)}
    assert Image.MAX_IMAGE_PIXELS == 200


def test_masks_in_voc_colours_become_ids(tmp_path: Path) -> None:
    colours = voc_palette()[IDS]
    np.testing.assert_array_equal(images.read_mask(save(tmp_path / "m.png", colours)), IDS)
    opaque = np.dstack([colours, np.full(IDS.shape, 255, np.uint8)])
    np.testing.assert_array_equal(images.read_mask(save(tmp_path / "n.png", opaque)), IDS)
    colours[1, 2] = 1, 2, 3
    with pytest.raises(ImageError, match=r"colour \(1, 2, 3\) in row 1, column 2"):
        images.read_mask(save(tmp_path / "m.png", colours))


def test_masks_in_colours_of_a_table(tmp_path: Path) -> None:
    table = {(0, 0, 0): 0, (9, 8, 7): 2, (255, 255, 255): 255}
    colours = np.array([[[0, 0, 0], [9, 8, 7], [255, 255, 255]]], np.uint8)
    assert images.read_mask(save(tmp_path / "m.png", colours), table).tolist() == [[0, 2, 255]]
    colours[0, 0] = 128, 0, 0  # VOC's first class, but not in the table
    with pytest.raises(ImageError, match=r"labelmap\.txt, got mode RGB with the colour \(128, 0, 0\)"):
        images.read_mask(save(tmp_path / "m.png", colours), table)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF"])
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_broken_bytes_give_an_image_or_its_error(tmp_path: Path, kind: str, data: st.DataObject) -> None:
    buffer = io.BytesIO()
    Image.fromarray(RGB.repeat(4, 0)).save(buffer, kind)
    content = bytearray(buffer.getvalue())
    positions = st.integers(0, len(content) - 1)
    for position, value in data.draw(st.lists(st.tuples(positions, st.integers(0, 255)), max_size=12)):
        content[position] = value
    (tmp_path / "a").write_bytes(content[: data.draw(st.integers(0, len(content)))])
    for read in (images.read_image, images.read_mask):
        with suppress(ImageError):
            assert read(tmp_path / "a", max_megapixels=1).dtype == np.uint8


def noisy(kind: str) -> bytes:
    """A file of which PIL, left alone, prints a warning."""
    buffer, image = io.BytesIO(), Image.fromarray(RGB)
    match kind:
        case "short EXIF":
            exif = bytes.fromhex("4578696600004d4d002a00000008000501120003000000010006")
            image.save(buffer, "JPEG", exif=exif)
        case "EXIF at the end":
            image.save(buffer, "PNG", exif=bytes.fromhex("4d4d002a00000008ffff0000"))
        case "half a MPO":
            image.save(buffer, "JPEG")
            start, rest = buffer.getvalue()[:2], buffer.getvalue()[2:]
            return start + bytes.fromhex("ffe200104d504600") + b"MM\0*\0\0\0\x08\0\0" + rest
        case "opacities of a palette":
            image.convert("P").save(buffer, "PNG", transparency=bytes(range(256)))
    return buffer.getvalue()


@pytest.mark.parametrize(
    "read",
    [images.image_size, images.image_format, images.read_image, images.read_stored, images.pixel_bytes],
)
@pytest.mark.parametrize("kind", ["short EXIF", "EXIF at the end", "half a MPO", "opacities of a palette"])
def test_no_reader_lets_a_library_speak(tmp_path: Path, kind: str, read: Callable[[Path], object]) -> None:
    file = tmp_path / "a.img"
    file.write_bytes(noisy(kind))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(file)
    assert caught == []
