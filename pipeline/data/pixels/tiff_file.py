"""TIFF files of any bit depth, layout and compression, by tifffile."""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pipeline.data.pixels.bands import choose_bands
from pipeline.data.pixels.reading import ImageReading
from pipeline.data.pixels.stored import (
    Note,
    StoredValues,
    check_size,
    choose_frame,
    silenced,
    turned_upright,
    valid_of,
)
from pipeline.errors import UserError

if TYPE_CHECKING:
    from tifffile import FileHandle, TiffFile, TiffPage, TiffPageSeries

WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, YCBCR = 0, 1, 2, 3, 6  # PhotometricInterpretation
CLASSIC = 42  # version of TIFF files of 32-bit offsets
OPACITY = (1, 2)  # ExtraSamples: with colours multiplied by it, or not
REDUCED = 1 | 4  # NewSubfileType: a smaller copy, a mask
GEOREFERENCE = (33550, 33922, 34264)  # GeoTIFF's tags: scale, tie points, transformation
NODATA = 42113  # GDAL's tag, a text
TURNED = 274  # the tag of EXIF's orientation


def read_tiff(path: Path, reading: ImageReading, max_megapixels: float) -> StoredValues:
    """The chosen bands of the chosen frame of the first series of images, turned upright.

    Raises:
        UserError: it is too large, a stack without `data.frame`, or its bands are not clear.
        Exception: whatever the library raises for a broken file.
    """
    with _opened(path) as file:
        series = _first_series(file)
        page = _first_page(series)
        photometric = int(page.photometric)
        if photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, YCBCR):
            kind = getattr(page.photometric, "name", photometric)
            raise UserError(f"expected grey, RGB or a palette, got {kind}. Save it as RGB.")
        values = _frame_values(series, page, reading.frame, max_megapixels)
        if photometric == PALETTE and page.colormap is not None:
            values = _with_colours(values, page.colormap)
        chosen = choose_bands(
            values,
            reading.bands,
            colours=photometric in (RGB, YCBCR, PALETTE),
            opacity=bool(page.extrasamples) and int(page.extrasamples[0]) in OPACITY,
        )
        if chosen.values.dtype.kind not in "uif":
            raise UserError(f"expected whole or floating-point numbers, got {chosen.values.dtype}")
        final = chosen.values.dtype == np.uint8
        return turned_upright(
            StoredValues(
                values=chosen.values,
                valid=None if final else valid_of(chosen.values, _nodata(page)),
                opacity=chosen.opacity,
                white_is_zero=photometric == WHITE_IS_ZERO,
                notes=chosen.notes + _passed_over(file, series),
            ),
            _orientation(page),
        )


def tiff_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels, upright, from the header."""
    with _opened(path) as file:
        page = _first_page(_first_series(file))
        size = (page.imagelength, page.imagewidth)
        return size[::-1] if _orientation(page) >= 5 else size


def tiff_pixel_bytes(path: Path) -> int:
    """Bytes of a pixel with all of its bands, from the header."""
    with _opened(path) as file:
        return _pixel_bytes(_first_page(_first_series(file)))


def _pixel_bytes(page: "TiffPage") -> int:
    return int(page.samplesperpixel) * max(1, -(-page.bitspersample // 8))


def is_georeferenced(path: Path) -> bool:
    """Whether a file is a GeoTIFF that says where it lies, and is stored upright; False if it is broken."""
    try:
        with path.open("rb") as file:
            if file.read(2) not in (b"II", b"MM"):
                return False
        with _opened(path) as tiff:
            page = _first_page(_first_series(tiff))
            return _orientation(page) == 1 and any(tag in page.tags for tag in GEOREFERENCE)
    except Exception:  # the reader of the image names the file
        return False


def tiff_frames(path: Path) -> int:
    """How many images of one size the first series has."""
    with _opened(path) as file:
        series = _first_series(file)
        return len(_grid(series, _first_page(series))[0])


@contextmanager
def _opened(path: Path) -> Iterator["TiffFile"]:
    from tifffile import TiffFile  # here: only some data sets need it

    # OME files may name other files, also outside the folder: they stay closed.
    with silenced(), TiffFile(path, _multifile=False) as file:
        _check_end(file)
        yield file


def _check_end(file: "TiffFile") -> None:
    """Refuses a page that points back to an earlier one: the library would read such a file for ever."""
    layout, handle, seen = file.tiff, file.filehandle, set[int]()
    position = 4 if layout.version == CLASSIC else 8  # of the offset of the first page
    while offset := _number_at(handle, position, layout.offsetformat, layout.offsetsize):
        if offset in seen:
            raise UserError("expected pages that end, got one that points back to an earlier one")
        seen.add(offset)
        tags = _number_at(handle, offset, layout.tagnoformat, layout.tagnosize)
        position = offset + layout.tagnosize + tags * layout.tagsize


def _number_at(handle: "FileHandle", position: int, form: str, size: int) -> int:
    """0 behind the end of the file, where the library says what is missing."""
    handle.seek(position)
    read = handle.read(size)
    return int(struct.unpack(form, read)[0]) if len(read) == size else 0


def _first_series(file: "TiffFile") -> "TiffPageSeries":
    if not file.series:
        raise UserError("expected an image, got a file without one")
    return file.series[0]


def _first_page(series: "TiffPageSeries") -> "TiffPage":
    page: TiffPage = series.keyframe
    if not set("YX") <= set(page.axes) or not set("YX") <= set(series.axes):
        raise UserError(f"expected rows and columns of pixels, got the axes {series.axes}")
    return page


def _grid(series: "TiffPageSeries", page: "TiffPage") -> tuple[NDArray[np.int64], int]:
    """The numbers of the pages of each frame, (frames, bands), and how many pages there are in all."""
    leading = len(series.axes) - len(page.axes)
    axes, shape = series.axes[:leading], series.shape[:leading]
    count = int(np.prod(shape, dtype=np.float64))
    if series.axes[leading:] != page.axes or count > 10**6:
        raise UserError(
            f"expected one image, got the axes {series.axes} of {series.shape}. Save it as a file."
        )
    bands = [number for number, axis in enumerate(axes) if axis in "CS"]
    numbers = np.arange(count).reshape(shape)
    numbers = np.moveaxis(numbers, bands, range(leading - len(bands), leading))
    width = int(np.prod([shape[number] for number in bands], dtype=np.int64))
    return numbers.reshape(-1, width), count


def _frame_values(
    series: "TiffPageSeries", page: "TiffPage", frame: int | None, max_megapixels: float
) -> NDArray[Any]:
    """The values (H, W, B) of a frame."""
    grid, count = _grid(series, page)
    if set(page.axes) - set("YXSC"):
        raise UserError(f"expected one image, got the axes {page.axes} of {page.shape}. Save it as a file.")
    number = choose_frame(len(grid), frame)
    whole = len(series) != count  # the pages follow each other without headers
    pages = count if whole else grid.shape[1]
    check_size(page.imagelength, page.imagewidth, _pixel_bytes(page) * pages, max_megapixels)
    if whole:
        stack = series.asarray().reshape(count, *page.shape)
        parts = [stack[i] for i in grid[number]]
    else:
        parts = [_page_values(series, int(i), page) for i in grid[number]]
    return np.concatenate([_rows_first(part, page.axes) for part in parts], axis=-1)


def _page_values(series: "TiffPageSeries", number: int, first: "TiffPage") -> NDArray[Any]:
    page = series.pages[number]
    if page is None:
        raise UserError(
            "expected all parts of the image in one file, got a part in another. Save it as one file."
        )
    if page.shape != first.shape:
        raise UserError(f"expected pages of {first.shape}, got {page.shape}")
    values: NDArray[Any] = page.asarray(maxworkers=1)
    return values


def _rows_first(values: NDArray[Any], axes: str) -> NDArray[Any]:
    """(H, W, B) of values with these axes."""
    order = [axes.index("Y"), axes.index("X")]
    bands = [number for number in range(values.ndim) if number not in order]
    turned = values.transpose(*order, *bands)
    return turned.reshape(*turned.shape[:2], -1)


def _with_colours(values: NDArray[Any], table: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """The colours of palette indices (H, W, 1), uint8 (H, W, 3); those of `table` (3, N) have 16 bits."""
    if values.shape[-1] != 1 or values.max(initial=0) >= table.shape[1]:
        raise UserError(f"expected one band of indices below {table.shape[1]}, got others")
    colours: NDArray[np.uint8] = (table >> 8).astype(np.uint8).T[values[..., 0]]
    return colours


def _nodata(page: "TiffPage") -> list[float]:
    tag = page.tags.get(NODATA)
    try:
        return [float(str(tag.value).strip("\0 "))] if tag else []
    except ValueError:
        return []


def _passed_over(file: "TiffFile", series: "TiffPageSeries") -> tuple[Note, ...]:
    """Whether images of the same size were passed over; smaller copies and masks do not count."""
    first = _first_page(series)
    for other in file.series[1:]:
        page = other.keyframe
        alike = (page.imagelength, page.imagewidth) == (first.imagelength, first.imagewidth)
        if alike and not int(page.subfiletype) & REDUCED:
            return ("frames",)
    return ("frames",) if len(_grid(series, first)[0]) > 1 else ()


def _orientation(page: "TiffPage") -> int:
    tag = page.tags.get(TURNED)
    number = int(tag.value) if tag and isinstance(tag.value, int) else 1
    return number if number in range(1, 9) else 1
