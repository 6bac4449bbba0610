"""The one way from a file to pixels: 8-bit images by PIL, everything else as values."""

import math
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from pipeline.data.pixels.bands import all_or_nothing, is_flat, is_opacity
from pipeline.data.pixels.dicom_file import dicom_pixel_bytes, dicom_size, read_dicom
from pipeline.data.pixels.files import Kind, is_deep, kind_of, read_deep_png, values_of
from pipeline.data.pixels.intensity import own_ranges, summary_of, to_8_bits
from pipeline.data.pixels.opening import (
    ImageError,
    decode_upright,
    load_upright,
    named_errors,
    open_image,
    orientation_of,
)
from pipeline.data.pixels.reading import ImageReading
from pipeline.data.pixels.stored import Note, StoredValues, choose_frame, silenced
from pipeline.data.pixels.tiff_file import read_tiff, tiff_frames, tiff_pixel_bytes, tiff_size
from pipeline.errors import UserError

WHITE = (255, 255, 255, 255)  # the page below transparent parts
MIXED = 0.5  # share of an opacity that is all or nothing: below it, the band may be no opacity


@dataclass(frozen=True)
class DecodedImage:
    """The pixels of a file, upright, and what of the file was passed over."""

    pixels: Image.Image | StoredValues  # an image of 8 bits, or values that have to be mapped to 8 bits
    notes: tuple[Note, ...] = ()


def decode(path: Path, max_megapixels: float, reading: ImageReading) -> DecodedImage:
    """The pixels of `path`.

    Raises:
        ImageError: it cannot be read, is too large, or a frame or bands have to be chosen.
    """
    with silenced():
        return _decode(path, max_megapixels, reading)


def _decode(path: Path, max_megapixels: float, reading: ImageReading) -> DecodedImage:
    kind = _kind(path)
    header = None if kind == "dicom" else _opened(path, kind, max_megapixels)
    if header is None:
        return _stored(path, kind, reading, max_megapixels)
    with header as image, named_errors(path):
        deep, frames = is_deep(image, kind, path), _frame_count(image)
        if kind == "png" and deep:
            size, orientation = (image.height, image.width), orientation_of(image)
            return DecodedImage(read_deep_png(path, reading, orientation, size, max_megapixels))
        if kind != "tiff" and frames == 1:
            return _of_image(load_upright(image), reading, deep=deep)
        if kind != "tiff":
            return _of_film(path, reading, max_megapixels, frames, deep=deep)
        stack = frames > 1 and not deep and tiff_frames(path) > 1
    if deep or reading.picks or stack:
        return _stored(path, kind, reading, max_megapixels)
    return _of_tiff(path, reading, max_megapixels)


def to_rgb(pixels: Image.Image | StoredValues, reading: ImageReading) -> Image.Image:
    """The RGB image of decoded pixels."""
    if isinstance(pixels, StoredValues):
        ranges = reading.ranges or own_ranges(summary_of(pixels))
        return Image.fromarray(to_8_bits(pixels, ranges))
    if pixels.has_transparency_data:  # the colours of transparent parts are arbitrary
        pixels = pixels.convert("RGBA")
        pixels = Image.alpha_composite(Image.new("RGBA", pixels.size, WHITE), pixels)
    return as_rgb(pixels)


def as_rgb(image: Image.Image) -> Image.Image:
    """The image in RGB, the same object if it is."""
    return image if image.mode == "RGB" else image.convert("RGB")  # which copies


def is_shown_so(path: Path, reading: ImageReading) -> bool:
    """Whether every program that shows images shows this one as `reading` reads it.

    PIL opens it, it has 8 bits a band, and neither bands nor another frame than the first are picked.
    """
    kind = _kind(path)
    header = None if kind == "dicom" else _opened(path, kind, math.inf)
    if header is None:
        return False
    with header as image:
        first = (reading.frame or 1) == 1 or _frame_count(image) == 1
        return first and reading.bands is None and not is_deep(image, kind, path)


def size_of_stored(path: Path) -> tuple[int, int] | None:
    """Height and width of a file that PIL does not open; None: PIL opens it, or it is broken."""
    kind = _kind(path)
    if kind == "tiff" and (header := _opened(path, kind, math.inf)):
        header.close()
        return None
    with named_errors(path):
        return dicom_size(path) if kind == "dicom" else tiff_size(path) if kind == "tiff" else None


def pixel_bytes(path: Path) -> int:
    """Bytes of a pixel as the file stores it, with all bands, from the header."""
    kind = _kind(path)
    if kind in ("tiff", "dicom"):
        with named_errors(path):
            return dicom_pixel_bytes(path) if kind == "dicom" else tiff_pixel_bytes(path)
    with open_image(path, math.inf) as image:
        return len(image.getbands()) * (2 if is_deep(image, kind, path) else 1)


def _kind(path: Path) -> Kind:
    try:
        return kind_of(path)
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file") from error
    except UserError as error:
        raise ImageError(f"{path}: {error}") from error


def _opened(path: Path, kind: Kind, max_megapixels: float) -> Image.Image | None:
    """The header by PIL; None: a TIFF that PIL cannot open."""
    if kind != "tiff":
        return open_image(path, max_megapixels)
    try:
        return open_image(path, math.inf)  # readers look at the size
    except ImageError:
        return None


def _of_tiff(path: Path, reading: ImageReading, max_megapixels: float) -> DecodedImage:
    """The first page: the others are smaller copies."""
    image = decode_upright(path, max_megapixels)
    if image.mode == "RGBA" and not is_opacity(np.asarray(image.getchannel("A"))):
        # Not by PIL, which divides the colours by it.
        return _stored(path, "tiff", reading, max_megapixels)
    return _of_image(image, reading, deep=False)


def _of_film(
    path: Path, reading: ImageReading, max_megapixels: float, frames: int, *, deep: bool
) -> DecodedImage:
    frame = choose_frame(frames, reading.frame or 1)
    decoded = _of_image(decode_upright(path, max_megapixels, frame=frame + 1), reading, deep=deep)
    return decoded if reading.frame else replace(decoded, notes=("frames", *decoded.notes))


def _of_image(image: Image.Image, reading: ImageReading, *, deep: bool) -> DecodedImage:
    """A decoded image of a format that defines opacity; without it where it is flat and hides something."""
    if deep or reading.bands is not None:
        return DecodedImage(values_of(image, reading))
    if not image.has_transparency_data:
        return DecodedImage(image)
    rgba = image if image.mode == "RGBA" else image.convert("RGBA")
    opacity = np.asarray(rgba.getchannel("A"))
    if is_flat(opacity):
        colours = rgba.convert("RGB")
        seen = len(colours.getcolors(1) or ()) != 1
        return DecodedImage(colours, ("flat opacity",)) if seen else DecodedImage(image)
    return DecodedImage(image, ("mixed opacity",) if all_or_nothing(opacity) < MIXED else ())


def _frame_count(image: Image.Image) -> int:
    if image.format == "MPO":  # a photo of a phone, with smaller ones behind it
        return 1
    try:
        return int(getattr(image, "n_frames", 1))
    except Exception:  # of a broken film; its first frame may be whole
        return 1


def _stored(path: Path, kind: Kind, reading: ImageReading, max_megapixels: float) -> DecodedImage:
    read = read_dicom if kind == "dicom" else read_tiff
    with named_errors(path):
        stored = read(path, reading, max_megapixels)
    return DecodedImage(stored, stored.notes)
