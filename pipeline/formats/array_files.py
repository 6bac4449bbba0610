"""Pictures in files of numpy (.npy) and of MATLAB (.mat, version 5 to 7); nothing is unpickled."""

import re
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.base.problems import listed
from pipeline.formats.mat_file import ArrayError, read_matrices

Numbers = NDArray[np.generic]  # whole numbers or truth values

ROOM = 2**20  # bytes of a .mat file that are no pixels
BYTES = 8  # of a number, at most
MASK_NAME = re.compile("seg|mask|label|annot|gt|truth|class")


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
    limit = int(most * BYTES + ROOM)
    if path.stat().st_size > limit:
        raise ArrayError(f"is larger than {limit / 1e6:.0f} MB. Raise data.max_megapixels")
    matrices = read_matrices(path.read_bytes(), limit)
    pictures = [(name, array) for name, array in matrices if _is_picture(array)]
    name, picture = _chosen(pictures, key)
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
    names = listed([name for name, _ in pictures]) or "none"
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


def _is_picture(array: NDArray[np.generic]) -> bool:
    """Whether an array may be a mask: whole numbers, and more than two rows and columns."""
    if array.ndim != 2 or min(array.shape) < 3:
        return False
    return array.dtype.kind != "f" or bool((array == np.floor(array.astype(float))).all())
