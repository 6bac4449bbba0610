"""Which files hold more than 8-bit RGB, by their content, and who reads them."""

import io
from importlib.util import find_spec
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from pipeline.data.pixels.bands import choose_bands
from pipeline.data.pixels.reading import ImageReading
from pipeline.data.pixels.stored import StoredValues, check_size, silenced, turned_upright
from pipeline.errors import UserError

Kind = Literal["tiff", "png", "dicom", "heif", "other"]
TIFF = tuple(order + number for order in (b"II", b"MM") for number in (b"*\0", b"\0*", b"+\0", b"\0+"))
HEIF = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
DICOM_SUFFIXES = (".dcm", ".dicom")
HEAD = 132  # bytes
BITS, SAMPLE_FORMAT, ORIENTATION = 258, 339, 274  # TIFF's tags
PHOTOMETRIC, BANDS, PLANES = 262, 277, 284
UNSIGNED, RGB, APART = 1, 2, 2


def kind_of(path: Path, content: bytes | None = None) -> Kind:
    """The kind of a file by its first bytes; an old DICOM file is known by its suffix alone.

    Raises:
        UserError: it is a pipe, or empty.
    """
    head = _head(path) if content is None else content[:HEAD]
    if not head:
        raise UserError("cannot be read as an image: the file is empty")
    if head[128:132] == b"DICM":  # some are TIFF files as well
        return "dicom"
    if head.startswith(TIFF):
        return "tiff"
    if head.startswith(b"\x89PNG"):
        return "png"
    if head[4:8] == b"ftyp" and head[8:12] in HEIF:
        return "heif"
    if path.suffix.lower() in DICOM_SUFFIXES:
        return "dicom"
    return "other"


def is_deep(image: Image.Image, kind: Kind, path: Path) -> bool:
    """Whether PIL misreads an opened image: of more than 8 bits a band, it keeps the high byte."""
    if image.mode == "F" or image.mode.startswith("I"):
        return True
    if kind == "png":
        return _head(path)[24:25] == b"\x10"
    if kind == "tiff":
        # PIL 13 maps uncompressed rows to memory, and mixes them up where EXIF swaps the sides.
        if orientation_tag(image) >= 5 and any(tile[0] == "raw" for tile in image.tile):  # type: ignore[attr-defined]
            return True
        tags = image.tag_v2  # type: ignore[attr-defined]
        # PIL has no decoder for some greys with opacity, and for most bands that lie one behind the other.
        bands, apart = tags.get(BANDS, 1), tags.get(PLANES) == APART
        if bands == 2 or (apart and bands > 1 and (bands, tags.get(PHOTOMETRIC)) != (3, RGB)):
            return True
        return max(tags.get(BITS, (1,))) > 8 or any(
            f != UNSIGNED for f in tags.get(SAMPLE_FORMAT, (UNSIGNED,))
        )
    return False


def orientation_tag(image: Image.Image) -> int:
    """What an opened TIFF says, 1 to 8."""
    number = image.tag_v2.get(ORIENTATION, 1)  # type: ignore[attr-defined]
    return number if isinstance(number, int) and number in range(1, 9) else 1


def read_deep_png(
    path: Path, reading: ImageReading, orientation: int, size: tuple[int, int], max_megapixels: float
) -> StoredValues:
    """The 16-bit values of a PNG of `size` (height, width)."""
    from imagecodecs import png_decode  # here: only some data sets need it

    check_size(*size, 8, max_megapixels)
    values = np.atleast_3d(png_decode(path.read_bytes()))
    colours = values.shape[-1] >= 3
    return _with_bands(values, reading, orientation, colours=colours, opacity=values.shape[-1] in (2, 4))


def values_of(image: Image.Image, reading: ImageReading) -> StoredValues:
    """The values of an upright image that PIL has decoded, whatever their depth."""
    alpha, plain = image.has_transparency_data, image.mode in ("1", "P", "PA", "CMYK", "YCbCr", "LAB", "HSV")
    decoded = image.convert("RGBA" if alpha else "RGB") if plain else image
    values = np.atleast_3d(np.asarray(decoded))
    return _with_bands(values, reading, 1, colours=values.shape[-1] >= 3, opacity=alpha)


def open_heif(path: Path, content: bytes | None) -> Image.Image:
    """A HEIC image, 8 bits, upright.

    Raises:
        UserError: pillow-heif is missing.
    """
    if find_spec("pillow_heif") is None:
        raise UserError("is a HEIC image: pip install pillow-heif")
    import pillow_heif

    with silenced():
        file = pillow_heif.open_heif(
            path if content is None else io.BytesIO(content), convert_hdr_to_8bit=True
        )
        image: Image.Image = file.to_pillow()
    return image


def _with_bands(
    values: np.ndarray, reading: ImageReading, orientation: int, *, colours: bool, opacity: bool
) -> StoredValues:
    chosen = choose_bands(values, reading.bands, colours=colours, opacity=opacity)
    return turned_upright(StoredValues(chosen.values, opacity=chosen.opacity), orientation)


def _head(path: Path) -> bytes:
    if path.is_fifo():  # reading it waits for ever
        raise UserError("expected a file, got a pipe")
    with path.open("rb") as file:
        return file.read(HEAD)
