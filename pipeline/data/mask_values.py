"""The values of a mask as its file has them, and how often each occurs; what they mean is decided later."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.data.images import ImageError, read_stored
from pipeline.data.pixels.stored import silenced
from pipeline.formats.array_files import read_mat, read_npy
from pipeline.formats.mat_file import ArrayError
from pipeline.formats.palette import colour_codes, runs_of, voc_palette

KEPT = 256  # values that are kept of a mask, the most frequent ones

Values = NDArray[np.integer[Any]]  # grey levels, indices, or codes of colours


@dataclass(frozen=True)
class RawMask:
    """The pixels of a mask as its file has them."""

    values: Values  # (H, W): grey levels or indices of a palette; codes of colours, if `coloured`
    coloured: bool = False
    palette: Values | None = None  # the code of the colour of each index
    lossy: bool = False  # the format of the file changes values


@dataclass(frozen=True)
class MaskValues:
    """The values in a mask, and the pixels of each."""

    values: Values  # (n,) rising, at most `KEPT`
    counts: NDArray[np.int64]  # (n,) pixels
    solid: NDArray[np.int64]  # (n,) pixels whose four neighbours have the same value: none in soft edges
    coloured: bool = False
    palette: Values | None = None  # (n,) the codes of the colours of indices
    complete: bool = True  # there are no other values
    lossy: bool = False  # see `RawMask`


def read_raw_mask(path: Path, max_megapixels: float, key: str | None = None) -> RawMask:
    """Decode the pixels of a mask: of an image file, a .npy or a .mat.

    Args:
        key: name of the array in a .mat, where several fit.
    """
    most = max_megapixels * 1e6
    try:
        match path.suffix.lower():
            case ".npy":
                with silenced():  # numpy warns of files that Python 2 wrote
                    return _of_array(read_npy(path, most))
            case ".mat":
                return _of_array(read_mat(path, most, key))
    except ArrayError as error:
        raise ImageError(f"{path}: {error}") from error
    image = read_stored(path, max_megapixels)
    return replace(_of_image(path, image), lossy=image.format == "JPEG")


def count_values(raw: RawMask) -> MaskValues:
    """The values of a mask; of many values the most frequent ones."""
    values, counts = _distinct(raw.values)
    complete = len(values) <= KEPT
    if not complete:
        chosen = np.sort(np.argsort(-counts, kind="stable")[:KEPT])
        values, counts = values[chosen], counts[chosen]
    palette = None if raw.palette is None else raw.palette[np.minimum(values, len(raw.palette) - 1)]
    solid = _solid(raw.values, values) if len(values) > 2 else counts
    return MaskValues(values, counts, solid, raw.coloured, palette, complete, raw.lossy)


def sums_by_value(values: Values, *amounts: NDArray[np.int64]) -> tuple[Values, list[NDArray[np.int64]]]:
    """Distinct values, rising, and the sums of each of `amounts` by value."""
    distinct, kinds = np.unique(values, return_inverse=True)
    return distinct, [np.bincount(kinds, a, len(distinct)).astype(np.int64) for a in amounts]


def resize_raw(raw: RawMask, size: tuple[int, int]) -> RawMask:
    """The mask at `size` (height, width): the value of the nearest pixel."""
    if raw.values.shape == size:
        return raw
    pixels = raw.values if raw.values.dtype == np.uint8 else raw.values.astype(np.int32)
    small = Image.fromarray(pixels).resize(size[::-1], Image.Resampling.NEAREST)  # PIL: width first
    return RawMask(np.asarray(small), raw.coloured, raw.palette)


def split_colours(codes: Values) -> NDArray[np.int64]:
    """Red, green and blue of each code: (n,) -> int64 (n, 3)."""
    return np.stack([codes >> 16 & 255, codes >> 8 & 255, codes & 255], axis=1).astype(np.int64)


def colour_of(code: int) -> tuple[int, int, int]:
    """Red, green and blue of a code."""
    return code >> 16 & 255, code >> 8 & 255, code & 255


def _distinct(values: Values) -> tuple[Values, NDArray[np.int64]]:
    """Distinct values, rising, and the pixels of each."""
    if values.dtype == np.uint8:
        counts = np.array(Image.fromarray(values).histogram(), np.int64)
        found = np.flatnonzero(counts)
        return found, counts[found]
    distinct, (pixels,) = sums_by_value(*runs_of(values))
    return distinct, pixels


def _solid(pixels: Values, values: Values) -> NDArray[np.int64]:
    """The pixels of each of `values` whose four neighbours have the same value."""
    centre = pixels[1:-1, 1:-1]
    same = (centre == pixels[:-2, 1:-1]) & (centre == pixels[2:, 1:-1])
    same &= (centre == pixels[1:-1, :-2]) & (centre == pixels[1:-1, 2:])
    found = centre[same]
    if not found.size:
        return np.zeros(len(values), np.int64)
    inner, counts = _distinct(found[None])
    places = np.minimum(np.searchsorted(inner, values), len(inner) - 1)
    return np.where(inner[places] == values, counts[places], 0)


def _of_image(path: Path, image: Image.Image) -> RawMask:
    if image.mode == "P":
        return RawMask(np.asarray(image), palette=_colours_of_indices(image))
    if image.mode in ("LA", "PA", "RGBA"):  # where a mask is transparent, nothing is drawn
        rgba = np.asarray(image.convert("RGBA"))
        return _of_array(np.where(rgba[:, :, 3:] > 0, rgba[:, :, :3], 0).astype(np.uint8))
    if image.mode in ("CMYK", "YCbCr", "LAB", "HSV", "RGBX"):
        image = image.convert("RGB")
    try:
        return _of_array(np.asarray(image))
    except ArrayError as error:
        raise ImageError(f"{path}: {error}") from error


def _colours_of_indices(image: Image.Image) -> Values:
    """The code of the colour of each index, (256,): that of VOC behind the end of the palette.

    Black padding is no part of it. Tools write the colours of the classes alone: 255 would be black like 0.
    """
    palette, codes = image.getpalette("RGB") or [], colour_codes(voc_palette())
    colours = colour_codes(np.array(palette, np.uint8).reshape(-1, 3)[:256])
    named = [*np.flatnonzero(colours), *np.flatnonzero(colours == 0)[:1]]
    end = 1 + max(named, default=-1)
    codes[:end] = colours[:end]
    return codes


def _of_array(array: NDArray[np.generic]) -> RawMask:
    if not array.size:
        raise ArrayError("expected pixels, got none")
    if array.dtype.kind == "f":
        array = _whole(array)
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.dtype != np.uint8 and (array.min() < -(2**31) or array.max() >= 2**31):
        raise ArrayError(f"expected whole numbers below 2147483648, got {array.max()}")
    numbers: Values = array.astype(np.uint8 if array.dtype == np.uint8 else np.int64)
    if numbers.ndim == 2:
        return RawMask(numbers)
    if numbers.min() < 0 or numbers.max() > 255:
        raise ArrayError(f"expected colours of 0..255, got {numbers.min()}..{numbers.max()}")
    return RawMask(colour_codes(numbers), coloured=True)


def _whole(array: NDArray[np.generic]) -> NDArray[np.generic]:
    numbers = array.astype(np.float64)
    if not np.isfinite(numbers).all() or (numbers != np.floor(numbers)).any():
        raise ArrayError("expected whole numbers, got fractions. Save the mask as ids (0, 1, ...)")
    return numbers
