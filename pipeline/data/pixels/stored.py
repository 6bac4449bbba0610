"""The values of a file as they are stored, and the limits on their memory."""

import logging
import math
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError

BYTES = 12  # per pixel of `data.max_megapixels`: three bands of 32 bits
LOGGERS = (  # what reaches them would reach the terminal
    *("tifffile", "imagecodecs", "PIL.TiffImagePlugin", "PIL.PngImagePlugin", "PIL.ImageFile", "rasterio"),
    *("pydicom", "pydicom.pixels.utils", "pydicom.pixels.decoders.base"),
)
HUGE = 1e37  # floating-point numbers beyond it mean `no data`
_LOCK = threading.Lock()
_READERS: list[int] = []  # threads at work
_SAVED = ExitStack()  # what the last of them puts back

Note = Literal[
    "frames", "fourth band", "flat opacity", "mixed opacity", "more bands", "bands without a colour"
]


@dataclass(frozen=True)
class StoredValues:
    """One frame of a file: the bands that become red, green and blue, or the one that becomes grey."""

    values: NDArray[Any]  # (H, W, 3) or (H, W, 1), whole or floating-point numbers of any width; uint8: final
    valid: NDArray[np.bool_] | None = None  # of their shape; None: all are. Others are NaN, or `no data`
    opacity: NDArray[np.uint8] | None = None  # (H, W); None: opaque
    white_is_zero: bool = False
    window: tuple[float, float] | None = None  # range that the file asks for
    notes: tuple[Note, ...] = ()  # what was passed over


def check_size(height: int, width: int, bytes_per_pixel: int, max_megapixels: float) -> None:
    """Refuse an image before memory is taken for it.

    Raises:
        UserError: it has more pixels than `max_megapixels`, or takes more than 12 bytes for each of them.
    """
    check_megapixels(height, width, max_megapixels)
    if height * width * bytes_per_pixel / 1e6 > max_megapixels * BYTES:
        raise UserError(
            f"expected at most {max_megapixels * BYTES:g} MB, got {height} x {width} pixels of "
            f"{bytes_per_pixel} bytes. Make it smaller, take bands out, or raise data.max_megapixels in "
            "params.yaml."
        )


def check_megapixels(height: int, width: int, max_megapixels: float) -> None:
    """Refuse an image without pixels, or with more than `max_megapixels`. Raises `UserError`."""
    if min(height, width) < 1:
        raise UserError(f"expected pixels, got {height} x {width}")
    if height * width / 1e6 > max_megapixels:
        raise UserError(
            f"expected at most {max_megapixels:g} megapixels, got {height} x {width}. Make it smaller, "
            "or raise data.max_megapixels in params.yaml."
        )


def choose_frame(count: int, frame: int | None) -> int:
    """The position of the frame, from 0.

    Raises:
        UserError: there are several and none is chosen, or fewer than the chosen one.
    """
    if count == 1:
        return 0
    if frame is None:
        raise UserError(
            f"expected one image, got a stack of {count}. Set data.frame in params.yaml to the number "
            "of the one to read, from 1, or save each as a file."
        )
    if frame > count:
        raise UserError(f"expected {frame} frames or more (data.frame), got {count}")
    return frame - 1


def valid_of(values: NDArray[Any], nodata: Sequence[float] = ()) -> NDArray[np.bool_] | None:
    """Where values are numbers, and none of `nodata`; None where all are."""
    valid = np.ones(values.shape, bool)
    if values.dtype.kind == "f":
        with np.errstate(invalid="ignore"):
            valid &= np.abs(values) < HUGE  # NaN is below nothing
    for number in nodata:
        if not math.isnan(number):
            valid &= values != _as_stored(number, values.dtype)
    return None if valid.all() else valid


def turned_upright(stored: StoredValues, orientation: int) -> StoredValues:
    """The values as they are looked at; `orientation`: EXIF's, 1 to 8."""
    arrays = {"values": stored.values, "valid": stored.valid, "opacity": stored.opacity}
    turned = {k: None if array is None else _turned(array, orientation) for k, array in arrays.items()}
    return replace(stored, **turned) if orientation > 1 else stored  # type: ignore[arg-type]


def _turned(array: NDArray[Any], orientation: int) -> NDArray[Any]:
    if orientation >= 5:  # rows and columns change places
        array = array.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return array[::rows, ::columns]


@contextmanager
def silenced() -> Iterator[None]:
    """No warning and no log line of the libraries that read; the process is as before behind the block."""
    here = threading.get_ident()
    if here in _READERS:  # as the block around this one has it
        yield
        return

    def elsewhere(record: logging.LogRecord) -> bool:
        return record.thread != here

    with _no_warnings(here), ExitStack() as stack:
        for name in LOGGERS:
            logger = logging.getLogger(name)
            logger.addFilter(elsewhere)
            stack.callback(logger.removeFilter, elsewhere)
        yield


@contextmanager
def _no_warnings(reader: int) -> Iterator[None]:
    """The list of filters belongs to all threads: the first reader saves it, the last one puts it back."""
    with _LOCK:
        if not _READERS:
            _SAVED.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _READERS.append(reader)
    try:
        yield
    finally:
        with _LOCK:
            _READERS.remove(reader)
            if not _READERS:
                _SAVED.close()


def _as_stored(number: float, dtype: np.dtype[Any]) -> Any:
    """`number` as a value of `dtype`: in 32 bits, 0.1 is another number than in 64."""
    with np.errstate(over="ignore"):
        return dtype.type(number) if dtype.kind == "f" else number
