"""Images beyond 8-bit RGB: bit depths, bands, frames and layouts of TIFF and PNG."""

import logging
import struct
import sys
import warnings
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from pipeline.data.images import ImageError, image_format, image_size, read_image
from pipeline.data.pixels import decoding, files, opening
from pipeline.data.pixels.decoding import decode, is_shown_so
from pipeline.data.pixels.opening import decode_upright, open_image
from pipeline.data.pixels.reading import ImageReading
from pipeline.data.pixels.stored import StoredValues, silenced

GREY = np.linspace(0, 4095, 40 * 60).reshape(40, 60).astype(np.uint16)  # a detector of 12 bits
COLOUR = np.stack([GREY, GREY.T.reshape(40, 60), GREY[::-1]], axis=-1)
AUTO = ImageReading()


def values(file: Path, reading: ImageReading = AUTO) -> StoredValues:
    pixels = decode(file, 1, reading).pixels
    assert isinstance(pixels, StoredValues)
    return pixels


def tiff(file: Path, array: Any, **options: Any) -> Path:
    tifffile.imwrite(file, array, **{"photometric": "minisblack"} | options)
    return file


@pytest.mark.parametrize("array", [GREY, GREY // 4, GREY * 16, GREY.astype(np.int16) - 2000])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_grey_values_use_all_levels(tmp_path: Path, array: np.ndarray, suffix: str) -> None:
    if suffix == "png" and array.dtype == np.int16:
        pytest.skip("PNG has no sign")
    file = tmp_path / f"a.{suffix}"
    if suffix == "png":
        Image.fromarray(array).save(file)
    else:
        tiff(file, array)
    image = read_image(file)
    assert len(np.unique(image)) > 250
    np.testing.assert_array_equal(values(file).values[..., 0], array)
    assert image_size(file) == (40, 60)
    assert not is_shown_so(file, AUTO)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "zstd", "lzma"])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"bigtiff": True}, {"byteorder": ">"}])
def test_layouts_of_tiff(tmp_path: Path, compression: str | None, options: dict[str, Any]) -> None:
    file = tiff(tmp_path / "a.tif", COLOUR, photometric="rgb", compression=compression, **options)
    np.testing.assert_array_equal(values(file).values, COLOUR)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.uint32, np.int8, np.int16, np.float16, np.float32])
def test_planes_one_after_the_other(tmp_path: Path, dtype: type) -> None:
    planes = np.moveaxis(COLOUR // 40, -1, 0).astype(dtype)
    file = tiff(tmp_path / "a.tif", planes, photometric="rgb", planarconfig="separate")
    image = read_image(file)
    assert image.shape == (40, 60, 3)
    if dtype != np.uint8:
        np.testing.assert_array_equal(values(file).values, np.moveaxis(planes, 0, -1))


def test_12_bits_in_12_bits(tmp_path: Path) -> None:
    packed = bytearray()
    for one, other in GREY.reshape(-1, 2).tolist():
        packed += bytes([one >> 4, (one & 15) << 4 | other >> 8, other & 255])
    tags = [(256, 60), (257, 40), (258, 12), (259, 1), (262, 1), (273, 8), (277, 1), (278, 40)]
    tags.append((279, len(packed)))
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    head = b"II*\0" + struct.pack("<I", 8 + len(packed))
    (tmp_path / "a.tif").write_bytes(head + packed + struct.pack("<H", len(tags)) + entries + bytes(4))
    np.testing.assert_array_equal(values(tmp_path / "a.tif").values[..., 0], GREY)


def test_16_bit_colours_of_png_keep_their_low_bytes(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), COLOUR[..., ::-1])
    np.testing.assert_array_equal(values(tmp_path / "a.png").values, COLOUR)
    with_opacity = np.dstack([COLOUR, np.where(GREY > 2000, 65535, 0).astype(np.uint16)])
    cv2.imwrite(str(tmp_path / "b.png"), with_opacity[..., [2, 1, 0, 3]])
    shown = read_image(tmp_path / "b.png")
    assert (shown[GREY <= 2000] == 255).all()
    assert shown[GREY > 2000].std() > 20


@pytest.mark.parametrize("array", [GREY, GREY.astype(np.float32) / 7, (GREY // 16).astype(np.uint16)])
def test_white_is_zero(tmp_path: Path, array: np.ndarray) -> None:
    black = read_image(tiff(tmp_path / "a.tif", array))
    white = read_image(tiff(tmp_path / "b.tif", array, photometric="miniswhite"))
    np.testing.assert_array_equal(white, 255 - black)


@pytest.mark.parametrize(
    ("dtype", "hole", "text"),
    [
        (np.float32, -3.4028234663852886e38, "-3.4028234663852886e+38"),
        (np.float32, np.nan, "nan"),
        (np.float32, -9999, "-9999"),
        (np.int16, -1000, "-1000"),
        (np.uint16, 65535, "65535"),
        (np.uint16, 4095, "4095.0"),
    ],
)
def test_no_data_of_gdal(tmp_path: Path, dtype: type, hole: float, text: str) -> None:
    array = (GREY // 2).astype(dtype)
    array[:30] = hole
    file = tiff(tmp_path / "a.tif", array, extratags=[(42113, "s", 0, text, True)])
    image = read_image(file)
    assert not image[:30].any()
    assert len(np.unique(image[30:])) > 200


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_images_are_turned_like_those_of_8_bits(tmp_path: Path, orientation: int) -> None:
    tag = [(274, "H", 1, orientation, True)]
    deep = tiff(tmp_path / "a.tif", GREY, extratags=tag)
    plain = tiff(tmp_path / "b.tif", (GREY // 16).astype(np.uint8), extratags=tag)
    stored = np.rot90(GREY, {3: 2, 4: 2, 5: -1, 6: -1, 7: 1, 8: 1}.get(orientation, 0)) // 16
    expected = stored[:, ::-1] if orientation in (2, 4, 5, 7) else stored
    np.testing.assert_array_equal(read_image(plain)[..., 0], expected)
    np.testing.assert_array_equal(values(deep).values[..., 0] // 16, expected)
    assert image_size(deep) == image_size(plain) == expected.shape


def test_bands_are_chosen_or_asked_for(tmp_path: Path) -> None:
    cube = np.stack([GREY + i for i in range(6)], axis=-1)
    file = tiff(tmp_path / "a.tif", cube, planarconfig="contig")
    with pytest.raises(ImageError, match=r"a\.tif: .*got 6 bands\. Set data\.bands"):
        read_image(file)
    chosen = values(file, ImageReading(bands=(4, 3, 2))).values
    np.testing.assert_array_equal(chosen, cube[..., [3, 2, 1]])
    np.testing.assert_array_equal(values(file, ImageReading(bands=(6,))).values, cube[..., 5:])
    with pytest.raises(ImageError, match=r"expected 7 bands or more \(data\.bands\), got 6"):
        read_image(file, reading=ImageReading(bands=(7,)))


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp"])
def test_bands_of_8_bits(tmp_path: Path, suffix: str) -> None:
    array = (COLOUR // 16).astype(np.uint8)
    Image.fromarray(array).save(tmp_path / f"a.{suffix}")
    plain = read_image(tmp_path / f"a.{suffix}")
    red = read_image(tmp_path / f"a.{suffix}", reading=ImageReading(bands=(1,)))
    np.testing.assert_array_equal(red, np.repeat(plain[..., :1], 3, axis=2))
    turned = read_image(tmp_path / f"a.{suffix}", reading=ImageReading(bands=(3, 2, 1)))
    np.testing.assert_array_equal(turned, plain[..., ::-1])


@pytest.mark.parametrize("extra", [0, 1, 2])
@pytest.mark.parametrize("bits", [8, 16])
def test_infrared_is_no_opacity(tmp_path: Path, extra: int, bits: int) -> None:
    array = np.dstack([COLOUR, GREY[:, ::-1]]) // (16 if bits == 8 else 1)
    array = array.astype(np.uint8 if bits == 8 else np.uint16)
    file = tiff(tmp_path / "a.tif", array, photometric="rgb", extrasamples=[extra])
    colours = tiff(tmp_path / "b.tif", array[..., :3], photometric="rgb")
    np.testing.assert_array_equal(read_image(file), read_image(colours))
    assert ("fourth band" in decode(file, 1, AUTO).notes) == (bits == 16 or extra > 0)


@pytest.mark.parametrize("kind", ["a hole", "soft edges", "16 bits"])
def test_opacity_that_looks_like_it(tmp_path: Path, kind: str) -> None:
    opacity = np.full((40, 60), 255, np.uint8)
    opacity[:10] = 0
    if kind == "soft edges":
        opacity[10:12] = 100
    array: np.ndarray = np.dstack([(COLOUR // 16).astype(np.uint8), opacity])
    if kind == "16 bits":
        array = array.astype(np.uint16) * 257
    file = tiff(tmp_path / "a.tif", array, photometric="rgb", extrasamples=[2])
    assert (read_image(file)[:10] == 255).all()
    assert "fourth band" not in decode(file, 1, AUTO).notes


OPACITIES = {
    "random": (np.random.default_rng(0).integers(0, 256, (40, 60)), ("mixed opacity",)),
    "light": (GREY // 16, ("mixed opacity",)),
    "none": (np.zeros((40, 60)), ("flat opacity",)),
    "half": (np.full((40, 60), 128), ("flat opacity",)),
    "full": (np.full((40, 60), 255), ()),
    "a hole": (np.where(GREY > 2000, 255, 0), ()),
    "a shadow": (np.where(GREY > 2000, 255, GREY // 16 * (GREY > 1500)), ()),
}


@pytest.mark.parametrize("mode", ["RGBA", "LA", "webp"])
@pytest.mark.parametrize("kind", OPACITIES)
def test_doubtful_opacity_is_named_and_a_flat_one_left_out(tmp_path: Path, kind: str, mode: str) -> None:
    opacity, notes = OPACITIES[kind]
    opacity = opacity.astype(np.uint8)
    colours = (COLOUR // 16).astype(np.uint8)[..., : 1 if mode == "LA" else 3]
    file = tmp_path / ("a.webp" if mode == "webp" else "a.png")
    Image.fromarray(np.dstack([colours, opacity])).save(file, lossless=True, exact=True)
    assert decode(file, 1, AUTO).notes == notes
    share = np.where(opacity.min() == opacity.max(), 1, opacity[..., None] / 255)
    expected = colours * share + 255 * (1 - share)
    np.testing.assert_allclose(read_image(file), np.broadcast_to(expected, (40, 60, 3)), atol=1)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
def test_an_image_without_anything_lies_on_white(tmp_path: Path, mode: str) -> None:
    image = Image.new("RGBA", (60, 40), (0, 0, 0, 0)).convert(mode)
    image.save(tmp_path / "a.png", **({"transparency": image.getpixel((0, 0))} if mode == "P" else {}))
    assert (read_image(tmp_path / "a.png") == 255).all()
    assert decode(tmp_path / "a.png", 1, AUTO).notes == ()


@pytest.mark.parametrize("extra", [1, 2])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("kind", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_grey_and_opacity_of_a_tiff(
    tmp_path: Path, dtype: type[np.generic], kind: str, planes: str, extra: int
) -> None:
    grey, opacity = (GREY // 16).astype(dtype), np.where(GREY > 2000, 255, 0).astype(dtype)
    pair = np.stack([grey, opacity], axis=-1 if planes == "contig" else 0)
    options = {"photometric": kind, "planarconfig": planes}
    shown = read_image(tiff(tmp_path / "a.tif", pair, extrasamples=[extra], **options))
    assert (shown[GREY <= 2000] == 255).all()
    assert shown[GREY > 2000].std() > 20
    with pytest.raises(ImageError, match=r"b\.tif: .*got 2 bands\. .*number of one of them"):
        read_image(tiff(tmp_path / "b.tif", pair, extrasamples=[0], **options))


@pytest.mark.parametrize(
    ("bands", "kind"), [(3, "ycbcr"), (3, "miniswhite"), (4, "rgb"), (5, "rgb"), (4, "ycbcr")]
)
def test_bands_one_behind_the_other(tmp_path: Path, bands: int, kind: str) -> None:
    together = np.stack([(GREY // 16 + i).astype(np.uint8) for i in range(bands)], axis=-1)
    apart = np.moveaxis(together, -1, 0)
    one = values(tiff(tmp_path / "a.tif", apart, photometric=kind, planarconfig="separate")).values
    np.testing.assert_array_equal(one, together[..., :3])


@pytest.mark.parametrize("array", [GREY, (GREY // 16).astype(np.uint8), GREY.astype(np.float32)])
def test_stacks_need_a_frame(tmp_path: Path, array: np.ndarray) -> None:
    stack = np.stack([array, array[::-1], array[:, ::-1]])
    file = tiff(tmp_path / "a.tif", stack)
    with pytest.raises(ImageError, match=r"a\.tif: expected one image, got a stack of 3\. Set data\.frame"):
        read_image(file)
    np.testing.assert_array_equal(values(file, ImageReading(frame=2)).values[..., 0], array[::-1])
    assert decode(file, 1, ImageReading(frame=2)).notes == ("frames",)
    with pytest.raises(ImageError, match=r"expected 4 frames or more \(data\.frame\), got 3"):
        read_image(file, reading=ImageReading(frame=4))


@pytest.mark.parametrize("imagej", [True, False])
def test_channels_of_microscopes_are_bands(tmp_path: Path, imagej: bool) -> None:
    cube = np.stack([np.stack([GREY + 10 * z + c for c in range(3)]) for z in range(2)])
    kind = {"imagej": True} if imagej else {"ome": True}
    file = tiff(tmp_path / "a.ome.tif", cube, metadata={"axes": "ZCYX"}, **kind)
    chosen = values(file, ImageReading(frame=2)).values
    np.testing.assert_array_equal(chosen, np.moveaxis(cube[1], 0, -1))


def test_smaller_copies_in_a_file_are_no_stack(tmp_path: Path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        file.write(GREY, photometric="minisblack")
        file.write(GREY[::2, ::2], photometric="minisblack", subfiletype=1)
    assert decode(tmp_path / "a.tif", 1, AUTO).notes == ()
    with tifffile.TiffWriter(tmp_path / "b.tif") as file:
        file.write((COLOUR // 16).astype(np.uint8), photometric="rgb")
        file.write((COLOUR // 16).astype(np.uint8)[::2, ::2], photometric="rgb", subfiletype=1)
    assert isinstance(decode(tmp_path / "b.tif", 1, AUTO).pixels, Image.Image)


def test_films_are_read_at_their_first_frame_or_the_chosen_one(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 2), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    assert decode(tmp_path / "a.gif", 1, AUTO).notes == ("frames",)
    shown = read_image(tmp_path / "a.gif", reading=ImageReading(frame=2))
    assert shown[0, 0].tolist() == [0, 0, 255]


def test_other_programs_show_the_first_frame_and_the_bands_as_they_are(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 2), colour) for colour in ((255, 0, 0), (0, 0, 255))]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.tif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "a.png")
    readings = (AUTO, ImageReading(frame=1), ImageReading(frame=2), ImageReading(bands=(3, 2, 1)))
    for suffix, shown in (("gif", [1, 1, 0, 0]), ("tif", [1, 1, 0, 0]), ("png", [1, 1, 1, 0])):
        assert [is_shown_so(tmp_path / f"a.{suffix}", reading) for reading in readings] == shown


def test_plain_images_are_what_pil_reads(tmp_path: Path) -> None:
    array = (COLOUR // 16).astype(np.uint8)
    for suffix in ("png", "jpg", "tif", "jfif"):
        file = tmp_path / f"a.{suffix}"
        Image.fromarray(array).save(file, "JPEG" if suffix == "jfif" else None)
        np.testing.assert_array_equal(read_image(file), np.asarray(decode_upright(file, 1)))
        assert is_shown_so(file, AUTO)


def test_memory_is_bounded_before_anything_is_decoded(tmp_path: Path) -> None:
    file = tiff(tmp_path / "a.tif", GREY)
    with pytest.raises(ImageError, match=r"at most 0\.002 megapixels, got 40 x 60.*data\.max_megapixels"):
        read_image(file, 0.002)
    cube = tiff(tmp_path / "b.tif", np.zeros((40, 60, 20), np.float64), planarconfig="contig")
    with pytest.raises(ImageError, match=r"MB, got 40 x 60 pixels of 160 bytes"):
        read_image(cube, 0.01, ImageReading(bands=(1,)))
    head = struct.pack(">IIBBBBB", 10**6, 10**6, 16, 2, 0, 0, 0)
    chunk = b"IHDR" + head
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    content += struct.pack(">I", 0) + b"IDAT" + struct.pack(">I", zlib.crc32(b"IDAT"))
    (tmp_path / "c.png").write_bytes(content)
    with pytest.raises(ImageError, match="megapixels"):
        read_image(tmp_path / "c.png")


def test_other_files_that_ome_names_stay_closed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.tif"
    tiff(secret, GREY)
    folder = tmp_path / "data"
    folder.mkdir()
    xml = (
        '<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYCZT" Type="uint16" SizeX="60" SizeY="40" SizeC="1" '
        'SizeZ="2" SizeT="1">'
        '<TiffData FirstZ="0" IFD="0" PlaneCount="1"/><TiffData FirstZ="1" IFD="0" PlaneCount="1">'
        '<UUID FileName="../secret.tif">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>'
    )
    tiff(folder / "a.ome.tif", GREY, description=xml, metadata=None)
    opened: list[str] = []
    sys.addaudithook(lambda event, at: opened.append(str(at[0])) if event == "open" else None)
    for frame in (None, 1, 2):
        read_image(folder / "a.ome.tif", reading=ImageReading(frame=frame))
    assert any("a.ome.tif" in name for name in opened)
    assert not any("secret" in name for name in opened)


def test_libraries_say_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tiff(tmp_path / "a.tif", GREY, extratags=[(42113, "s", 0, "-1e99", True)])
    before = warnings.filters[:]
    read_image(file)
    assert capfd.readouterr() == ("", "")
    assert warnings.filters == before
    assert not logging.getLogger("tifffile").filters


def test_formats_are_named(tmp_path: Path) -> None:
    assert image_format(tiff(tmp_path / "a.tif", np.dstack([GREY] * 5), planarconfig="contig")) == (
        "TIFF",
        False,
    )


def test_silence_lasts_to_the_end_of_the_outermost_block() -> None:
    before, logger = warnings.filters[:], logging.getLogger("tifffile")
    with silenced():
        with silenced():
            assert len(logger.filters) == 1
        assert len(logger.filters) == 1
        assert warnings.filters[0][0] == "ignore"
    assert not logger.filters
    assert warnings.filters == before


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp", "webp", "ppm"])
def test_a_plain_image_is_opened_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, suffix: str) -> None:
    file, opened = tmp_path / f"a.{suffix}", []
    Image.fromarray((COLOUR // 16).astype(np.uint8)).save(file)

    def counted(path: Path, *options: Any) -> Image.Image:
        opened.append(path)
        return open_image(path, *options)

    for module in (decoding, opening):
        monkeypatch.setattr(module, "open_image", counted)
    decode(file, 1, AUTO)
    assert opened == [file]


@pytest.mark.parametrize("suffix", ["heic", "avif"])
def test_photos_of_phones(tmp_path: Path, suffix: str) -> None:
    array = np.full((64, 96, 3), (200, 100, 50), np.uint8)
    array[:, 48:] = 20
    file = tmp_path / f"a.{suffix}"
    if suffix == "heic":
        heif = pytest.importorskip("pillow_heif")
        heif.from_pillow(Image.fromarray(array)).save(file)
    else:
        Image.fromarray(array).save(file)
    np.testing.assert_allclose(read_image(file)[32, [10, 80]], array[32, [10, 80]], atol=12)
    assert image_size(file) == (64, 96)


def test_without_pillow_heif_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0")
    with pytest.raises(ImageError, match=r"a\.heic: cannot be read"):
        read_image(tmp_path / "a.heic")
    monkeypatch.setattr(files, "find_spec", lambda _: None)
    with pytest.raises(ImageError, match=r"a\.heic: is a HEIC image: pip install pillow-heif"):
        read_image(tmp_path / "a.heic")


@pytest.mark.parametrize("bigtiff", [False, True])
@pytest.mark.parametrize("target", [0, 1, 2])
def test_pages_that_point_back_are_refused(tmp_path: Path, bigtiff: bool, target: int) -> None:
    file = tmp_path / "a.tif"
    with tifffile.TiffWriter(file, bigtiff=bigtiff) as writer:
        for _ in range(3):
            writer.write(GREY, contiguous=False)
    with tifffile.TiffFile(file) as pages:
        offsets = [page.offset for page in pages.pages]
        layout = pages.tiff
        tags = len(pages.pages[2].tags)
    content = bytearray(file.read_bytes())
    end = offsets[2] + layout.tagnosize + tags * layout.tagsize
    content[end : end + layout.offsetsize] = struct.pack(layout.offsetformat, offsets[target])
    file.write_bytes(content)
    with pytest.raises(ImageError, match="points back to an earlier one"):
        read_image(file, reading=ImageReading(frame=0))
