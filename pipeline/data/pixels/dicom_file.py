"""DICOM files by pydicom: rescaled values, the window, white-is-zero, palettes, one frame of several."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.pixels.bands import choose_bands
from pipeline.data.pixels.reading import ImageReading, ValueRange
from pipeline.data.pixels.stored import StoredValues, check_size, choose_frame, silenced
from pipeline.errors import UserError

if TYPE_CHECKING:
    from pydicom import Dataset

GREY = ("MONOCHROME1", "MONOCHROME2")


def read_dicom(path: Path, reading: ImageReading, max_megapixels: float) -> StoredValues:
    """One frame: grey values after rescaling, or colours.

    Raises:
        UserError: pydicom is missing, the file is too large, or a stack without `data.frame`.
        Exception: whatever the library raises for a broken file.
    """
    with silenced():
        header = _header(path)
        height, width = _size(header)
        check_size(height, width, _pixel_bytes(header), max_megapixels)
        count = int(header.get("NumberOfFrames") or 1)
        pixels = _pixels(path, header, choose_frame(count, reading.frame), (height, width))
        kind = str(header.PhotometricInterpretation)
        stored = _grey(header, pixels, kind) if kind in GREY else _colours(header, pixels, kind)
    chosen = choose_bands(stored.values, reading.bands, colours=kind not in GREY, opacity=False)
    return replace(stored, values=chosen.values, notes=("frames",) if count > 1 else ())


def dicom_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels from the header."""
    with silenced():
        return _size(_header(path))


def dicom_pixel_bytes(path: Path) -> int:
    """Bytes of a pixel with all of its bands, from the header."""
    with silenced():
        return _pixel_bytes(_header(path))


def _pixel_bytes(header: "Dataset") -> int:
    return int(header.get("SamplesPerPixel", 1)) * max(1, int(header.BitsAllocated) // 8)


def _header(path: Path) -> "Dataset":
    if find_spec("pydicom") is None:
        raise UserError("is a DICOM file: pip install pydicom")
    from pydicom import dcmread  # here, since it is an extra

    header = dcmread(path, force=True, stop_before_pixels=True)  # old files lack the first 132 bytes
    if "Rows" not in header or "Columns" not in header:
        raise UserError("expected an image, got a DICOM file without one")
    return header


def _size(header: "Dataset") -> tuple[int, int]:
    return int(header.Rows), int(header.Columns)


def _pixels(path: Path, header: "Dataset", frame: int, size: tuple[int, int]) -> NDArray[Any]:
    """The stored values of a frame, (H, W) or (H, W, 3); colours are RGB."""
    from pydicom import dcmread
    from pydicom.pixels.utils import pixel_array
    from pydicom.uid import ImplicitVRLittleEndian

    try:
        whole = dcmread(path, force=True)
        if "TransferSyntaxUID" not in whole.file_meta:  # an old file; the standard's default
            whole.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
        pixels = pixel_array(whole, index=frame)
    except (RuntimeError, NotImplementedError) as error:
        raise UserError(f"pydicom cannot decode it. {str(error)[:300]}") from error
    if pixels.shape[:2] != size:
        raise UserError(f"expected {size[0]} x {size[1]} pixels as its header says, got {pixels.shape}")
    return pixels


def _grey(header: "Dataset", pixels: NDArray[Any], kind: str) -> StoredValues:
    from pydicom.pixels.processing import apply_modality_lut

    if pixels.ndim != 2:
        raise UserError(f"expected one band for {kind}, got {pixels.shape}")
    valid = _valid(header, pixels)
    values = apply_modality_lut(pixels, header)  # float64 where there is a slope
    if values.dtype == np.float64:
        values = values.astype(np.float32)
    if values.dtype == np.uint8 and int(header.get("BitsStored", 8)) < 8:
        values = values.astype(np.uint16)  # uint8 would stand for 0 to 255
    return StoredValues(
        values[..., None],
        None if valid is None else valid[..., None],
        white_is_zero=kind == "MONOCHROME1",
        window=_window(header),
    )


def _valid(header: "Dataset", pixels: NDArray[Any]) -> NDArray[np.bool_] | None:
    """Where pixels are no padding: one value, or a range between two."""
    first = header.get("PixelPaddingValue")
    if first is None:
        return None
    ends = sorted((int(first), int(header.get("PixelPaddingRangeLimit", first))))
    valid = (pixels < ends[0]) | (pixels > ends[1])
    return None if valid.all() else valid


def _window(header: "Dataset") -> ValueRange | None:
    """The first window of the file, in rescaled values; None where it has none that can be used."""
    centre, width = (_first_number(header.get(name)) for name in ("WindowCenter", "WindowWidth"))
    if centre is None or width is None or not width > 1:
        return None
    # PS3.3 C.11.2.1.2: `width` values, half of them on each side of `centre` - 0.5.
    return (centre - 0.5 - (width - 1) / 2, centre - 0.5 + (width - 1) / 2)


def _first_number(value: Any) -> float | None:
    try:
        number = float(value[0] if hasattr(value, "__len__") and not isinstance(value, str) else value)
    except (TypeError, ValueError, IndexError):
        return None
    return number if np.isfinite(number) else None


def _colours(header: "Dataset", pixels: NDArray[Any], kind: str) -> StoredValues:
    from pydicom.pixels.processing import apply_color_lut

    if kind == "PALETTE COLOR":
        pixels = apply_color_lut(pixels, header)
        # Values of 16 bits, which all tables in use fill; few have 8.
        pixels = (pixels >> 8).astype(np.uint8) if pixels.dtype.itemsize > 1 else pixels
    if pixels.ndim != 3 or pixels.shape[2] != 3:
        raise UserError(f"expected three bands for {kind}, got {pixels.shape}")
    return StoredValues(pixels)
