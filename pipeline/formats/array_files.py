"""Pictures in files of numpy (.npy) and of MATLAB (.mat, up to version 7); nothing is unpickled."""

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.generic]  # whole numbers or truth values

ROOM = 2**20  # bytes of a .mat file that are no pixels
BYTES = 8  # of a number, at most
COMPRESSED = 15  # type of an element of a .mat file
HDF5 = b"MATLAB 7.3"
MASK_NAME = re.compile("seg|mask|label|annot|gt|truth|class")


class ArrayError(ValueError):
    """A file without a picture of whole numbers; the message does not name the file."""


def read_npy(path: Path, most: float) -> Numbers:
    """The array of a .npy file, (H, W) or (H, W, 3), with `most` pixels at most."""
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except Exception as error:  # numpy's reader of broken headers raises whatever it comes across
        raise ArrayError(f"cannot be read as .npy: {error}") from error
    if not isinstance(array, np.ndarray):
        raise ArrayError("expected one array, got an archive of several. Save it with numpy.save")
    return _picture(array, most)


def read_mat(path: Path, most: float, key: str | None = None) -> Numbers:
    """The picture of whole numbers in a .mat file, also within structs, with `most` pixels at most.

    Args:
        key: name of the array, with dots within structs (`groundTruth.Segmentation`), where several fit.
    """
    from scipy.io import loadmat  # here, since it takes a tenth of a second to load

    with path.open("rb") as file:
        if file.read(len(HDF5)) == HDF5:
            raise ArrayError("is of MATLAB 7.3 (HDF5). Save it with the option '-v7', or as PNG")
    _check_size(path, most)
    try:
        content = loadmat(path, squeeze_me=False)
    except Exception as error:  # as above
        raise ArrayError(f"cannot be read as .mat: {error}") from error
    name, picture = _chosen(list(_pictures(content)), key)
    try:
        return _picture(picture, most)
    except ArrayError as error:
        raise ArrayError(f"{name}: {error}") from error


def _chosen(
    pictures: list[tuple[str, NDArray[np.generic]]], key: str | None
) -> tuple[str, NDArray[np.generic]]:
    """The picture of the name `key`, else the only one, else the only one that is called like a mask."""
    found = [(name, array) for name, array in pictures if key in (None, name, name.split(".")[-1])]
    called = [(name, array) for name, array in found if MASK_NAME.search(name.split(".")[-1].lower())]
    if len(found) > 1 and len(called) == 1:
        found = called
    if len(found) == 1:
        return found[0]
    names = ", ".join(name for name, _ in pictures) or "none"
    which = f" called {key}" if key else ""
    advice = " Choose one with data.mask_key (--mat-key)." if pictures else ""
    raise ArrayError(f"expected one picture of whole numbers{which}, got {names}.{advice}")


def _picture(array: NDArray[np.generic], most: float) -> Numbers:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim != 2 and not (array.ndim == 3 and array.shape[2] == 3):
        raise ArrayError(f"expected an array (H, W) or (H, W, 3), got {array.shape}")
    if array.shape[0] * array.shape[1] > most:
        got = f"{array.shape[0]} x {array.shape[1]}"
        raise ArrayError(f"expected at most {most / 1e6:g} megapixels, got {got}")
    return np.asarray(array)


def _pictures(content: object, name: str = "") -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Name and array of each picture of numbers with more than one row and column, also within structs."""
    if isinstance(content, dict):
        for key, value in content.items():
            if not key.startswith("__"):
                yield from _pictures(value, key)
    elif isinstance(content, np.ndarray) and content.dtype.names:
        for field in content.dtype.names:
            for item in content[field].ravel():
                yield from _pictures(item, f"{name}.{field}")
    elif isinstance(content, np.ndarray) and content.dtype == object:
        for item in content.ravel():
            yield from _pictures(item, name)
    elif isinstance(content, np.ndarray) and content.dtype.kind in "buif" and _is_picture(content):
        yield name, content


def _is_picture(array: NDArray[np.generic]) -> bool:
    """Whether an array may be a mask: whole numbers, and more than two rows and columns."""
    if array.ndim != 2 or min(array.shape) < 3:
        return False
    return array.dtype.kind != "f" or bool((array == np.floor(array.astype(float))).all())


def _check_size(path: Path, most: float) -> None:
    """Raise where the compressed elements of a .mat file unpack to more than pictures of `most` pixels."""
    limit = int(most * BYTES + ROOM)
    with path.open("rb") as file:
        file.seek(124)
        order = "<" if file.read(4)[2:] == b"IM" else ">"
        while len(tag := file.read(8)) == 8:
            kind, size = struct.unpack(f"{order}II", tag)
            content = file.read(min(size, limit))
            if kind == COMPRESSED and _unpacked(content, limit) > limit:
                raise ArrayError(f"unpacks to more than {limit / 1e6:.0f} MB. Raise data.max_megapixels")


def _unpacked(content: bytes, limit: int) -> int:
    """Bytes that `content` unpacks to, not counted much further than `limit`."""
    unpacker, count = zlib.decompressobj(), 0
    try:
        while content and count <= limit:
            count += len(unpacker.decompress(content, ROOM))
            content = unpacker.unconsumed_tail
    except zlib.error:
        return 0  # the reader says so
    return count
