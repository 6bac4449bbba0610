"""DICOM files against values that are known: rescaling, windows, white-is-zero, padding, frames, colours."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pydicom = pytest.importorskip("pydicom")

from pydicom.dataset import Dataset, FileMetaDataset  # noqa: E402
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage, generate_uid  # noqa: E402

from pipeline.data.images import ImageError, image_format, image_size, read_image  # noqa: E402
from pipeline.data.pixels import dicom_file  # noqa: E402
from pipeline.data.pixels.decoding import decode  # noqa: E402
from pipeline.data.pixels.reading import ImageReading  # noqa: E402
from pipeline.data.pixels.stored import StoredValues  # noqa: E402

GREY = np.linspace(0, 4000, 30 * 50).reshape(30, 50).astype(np.uint16)


def write(file: Path, pixels: np.ndarray, *, frames: int = 1, preamble: bool = True, **values: Any) -> Path:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = SecondaryCaptureImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = generate_uid(entropy_srcs=["a"])
    image = pixels[0] if frames > 1 else pixels
    data.Rows, data.Columns = image.shape[:2]
    data.SamplesPerPixel = 3 if image.ndim == 3 else 1
    if image.ndim == 3:
        data.PlanarConfiguration = 0
    data.PhotometricInterpretation = "RGB" if image.ndim == 3 else "MONOCHROME2"
    data.BitsAllocated = data.BitsStored = pixels.dtype.itemsize * 8
    data.HighBit = data.BitsStored - 1
    data.PixelRepresentation = int(pixels.dtype.kind == "i")
    if frames > 1:
        data.NumberOfFrames = frames
    for name, value in values.items():
        setattr(data, name, value)
    data.PixelData = pixels.tobytes()
    data.save_as(file, enforce_file_format=True)
    if not preamble:
        file.write_bytes(file.read_bytes()[132:])
    return file


def stored(file: Path, reading: ImageReading = ImageReading()) -> StoredValues:  # noqa: B008
    pixels = decode(file, 1, reading).pixels
    assert isinstance(pixels, StoredValues)
    return pixels


@pytest.mark.parametrize("array", [GREY, GREY.astype(np.int16) - 2000, (GREY // 16).astype(np.uint8)])
@pytest.mark.parametrize("preamble", [True, False])
def test_grey(tmp_path: Path, array: np.ndarray, preamble: bool) -> None:
    file = write(tmp_path / "a.dcm", array, preamble=preamble)
    np.testing.assert_array_equal(stored(file).values[..., 0], array)
    assert image_size(file) == (30, 50)
    assert image_format(file) == ("DICOM", False)


def test_values_are_rescaled(tmp_path: Path) -> None:
    file = write(tmp_path / "a.dcm", GREY, RescaleSlope=0.5, RescaleIntercept=-1024)
    np.testing.assert_allclose(stored(file).values[..., 0], GREY * 0.5 - 1024)


@pytest.mark.parametrize(("centre", "width", "expected"), [(40, 80, (0, 79)), (500, 1001, (-0.5, 999.5))])
def test_window(tmp_path: Path, centre: float, width: float, expected: tuple[float, float]) -> None:
    file = write(tmp_path / "a.dcm", GREY, WindowCenter=centre, WindowWidth=width)
    assert stored(file).window == expected
    several = write(tmp_path / "b.dcm", GREY, WindowCenter=[centre, 7], WindowWidth=[width, 9])
    assert stored(several).window == expected


def test_white_is_zero(tmp_path: Path) -> None:
    black = read_image(write(tmp_path / "a.dcm", GREY))
    white = read_image(write(tmp_path / "b.dcm", GREY, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(white, 255 - black)
    eight = (GREY // 16).astype(np.uint8)
    white = read_image(write(tmp_path / "c.dcm", eight, PhotometricInterpretation="MONOCHROME1"))
    np.testing.assert_array_equal(white[..., 0], 255 - eight)


def test_padding_is_no_value(tmp_path: Path) -> None:
    array = GREY.astype(np.int16)
    array[:20] = -2000
    image = read_image(write(tmp_path / "a.dcm", array, PixelPaddingValue=-2000))
    assert not image[:20].any()
    assert len(np.unique(image[20:])) > 200


def test_frames(tmp_path: Path) -> None:
    file = write(tmp_path / "a.dcm", np.stack([GREY, GREY[::-1]]), frames=2)
    with pytest.raises(ImageError, match=r"a\.dcm: expected one image, got a stack of 2\. Set data\.frame"):
        read_image(file)
    np.testing.assert_array_equal(stored(file, ImageReading(frame=2)).values[..., 0], GREY[::-1])


def test_colours(tmp_path: Path) -> None:
    array = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    np.testing.assert_array_equal(read_image(write(tmp_path / "a.dcm", array)), array)
    indices = (GREY // 16).astype(np.uint8)
    table = (np.arange(256, dtype=np.uint16) * 257)[::-1].tobytes()
    names = ("Red", "Green", "Blue")
    palette = {f"{n}PaletteColorLookupTableDescriptor": [256, 0, 16] for n in names}
    tables = {f"{n}PaletteColorLookupTableData": table for n in names}
    options = palette | tables | {"PhotometricInterpretation": "PALETTE COLOR"}
    shown = read_image(write(tmp_path / "b.dcm", indices, **options))
    np.testing.assert_array_equal(shown[..., 0], 255 - indices)


def test_memory_is_bounded_before_anything_is_decoded(tmp_path: Path) -> None:
    file = write(tmp_path / "a.dcm", GREY)
    header = pydicom.dcmread(file)
    header.Rows = header.Columns = 60000
    header.save_as(file)
    with pytest.raises(ImageError, match=r"a\.dcm: expected at most 100 megapixels, got 60000 x 60000"):
        read_image(file)


@pytest.mark.parametrize(
    "content", [b"", b"no image", b"\0" * 128 + b"DICM", b"\0" * 128 + b"DICM" + b"\xff" * 99]
)
def test_broken_files_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.dcm").write_bytes(content)
    for read in (read_image, image_size):
        with pytest.raises(ImageError, match=r"a\.dcm: "):
            read(tmp_path / "a.dcm")


def test_without_pydicom_the_message_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = write(tmp_path / "a.dcm", GREY)
    monkeypatch.setattr(dicom_file, "find_spec", lambda _: None)
    with pytest.raises(ImageError, match=r"a\.dcm: is a DICOM file: pip install pydicom"):
        read_image(file)
