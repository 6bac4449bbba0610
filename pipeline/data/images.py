"""The only reader and writer of images and masks.

Images are upright RGB uint8 (H, W, 3). Masks are uint8 (H, W): 0 background, class index + 1, 255 ignore; on
disk they are 8-bit palette PNGs in the colours of PASCAL VOC. PIL reads both: cv2 turns palettes into grey
levels, and returns None for a broken file. The content of a file tells its format, not its suffix.
"""

import io
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.base.files import write_bytes
from pipeline.base.sizes import bounded_size
from pipeline.data.pixels.decoding import as_rgb, decode, size_of_stored, to_rgb
from pipeline.data.pixels.decoding import pixel_bytes as pixel_bytes
from pipeline.data.pixels.files import kind_of
from pipeline.data.pixels.opening import MAX_MEGAPIXELS, decode_upright, open_image, orientation_of
from pipeline.data.pixels.opening import ImageError as ImageError
from pipeline.data.pixels.reading import AS_IT_IS, ImageReading
from pipeline.formats.palette import Colour, ids_of_colours, voc_colours, voc_palette

IGNORE = 255
SUFFIXES = (
    *(".jpg", ".jpeg", ".jfif", ".jpe", ".jif", ".pjpeg", ".pjp", ".png", ".webp", ".bmp", ".gif"),
    *(".tif", ".tiff", ".avif", ".heic", ".heif", ".ppm", ".pgm", ".pnm", ".dcm", ".dicom"),
)

ImageArray = NDArray[np.uint8]  # (H, W, 3) RGB
Mask = NDArray[np.uint8]  # (H, W)


def read_image(
    path: Path, max_megapixels: float = MAX_MEGAPIXELS, reading: ImageReading = AS_IT_IS
) -> ImageArray:
    """Decode `path` as RGB uint8 (H, W, 3), upright, on white where it is transparent.

    Args:
        reading: which frame and bands, and how values of more than 8 bits become 8 bits.
    """
    return np.asarray(to_rgb(decode(path, max_megapixels, reading).pixels, reading))


def read_shrunk_image(
    path: Path,
    max_side: int | None,
    max_megapixels: float = MAX_MEGAPIXELS,
    reading: ImageReading = AS_IT_IS,
) -> tuple[ImageArray, tuple[int, int]]:
    """What `read_image` returns, with the longer side at most `max_side` pixels, and the file's own (H, W).

    None: as large as it is.
    """
    image = to_rgb(decode(path, max_megapixels, reading).pixels, reading)
    return np.asarray(shrink(image, max_side)), (image.height, image.width)


def shrink(image: Image.Image, max_side: int | None) -> Image.Image:
    """The image with its longer side at most `max_side` pixels, the same object if it is.

    Bilinear with antialiasing, in whole numbers: the same bytes on every machine.
    """
    size = (image.height, image.width)
    height, width = bounded_size(*size, max_side or max(size))
    if (height, width) == size:
        return image
    return image.resize((width, height), Image.Resampling.BILINEAR)  # PIL: width first


def read_mask(
    path: Path,
    colours: Mapping[Colour, int] | None = None,
    max_megapixels: float = MAX_MEGAPIXELS,
    content: bytes | None = None,
) -> Mask:
    """Decode the ids of a mask as uint8 (H, W): palette indices or grey levels, as stored.

    An RGB mask gets the ids of `colours`; without them, its colours have to be those of VOC.

    Args:
        content: of the file, where it lies in another one; messages still name `path`.
    """
    image = decode_upright(path, max_megapixels, content)
    opaque = image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255)
    if image.mode == "RGB" or opaque:
        return _ids_of_colours(path, np.asarray(as_rgb(image)), colours)
    if image.mode not in ("P", "L", "1", "I") and not image.mode.startswith("I;16"):
        raise ImageError(f"{path}: expected a mask of one channel with class ids, got mode {image.mode}")
    ids = np.asarray(image)
    if ids.size and (ids.min() < 0 or ids.max() > IGNORE):
        raise ImageError(f"{path}: expected ids 0..255, got {ids.min()}..{ids.max()}")
    return ids.astype(np.uint8)


def read_stored(path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> Image.Image:
    """Decode `path` upright, in the mode and with the values of the file: for masks."""
    return decode_upright(path, max_megapixels)


def pixel_count(path: Path) -> int:
    """Height times width; decodes nothing."""
    if size := size_of_stored(path):
        return math.prod(size)
    with open_image(path, math.inf) as image:
        return math.prod(image.size)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels, upright. Decodes a PNG, which may say its rotation behind the pixels."""
    if size := size_of_stored(path):
        return size
    with open_image(path, math.inf) as image:
        width, height = image.size
        # These swap the sides; PIL says the upright size of a TIFF.
        turned = image.format != "TIFF" and orientation_of(image) >= 5
    return (width, height) if turned else (height, width)


def resize_mask(mask: Mask, size: tuple[int, int]) -> Mask:
    """The mask at `size` (height, width), uint8: the id of the nearest pixel, so that no ids are mixed."""
    if mask.shape == size:
        return mask
    return np.asarray(Image.fromarray(mask).resize(size[::-1], Image.Resampling.NEAREST))


def id_counts(mask: Mask) -> NDArray[np.int64]:
    """Pixels of each id, int64 (256,)."""
    return np.array(Image.fromarray(mask).histogram(), np.int64)


def write_image(path: Path, image: ImageArray) -> None:
    """Write uint8 RGB (H, W, 3) as PNG."""
    write_bytes(path, _encoded(Image.fromarray(image), "PNG"))


def write_mask(path: Path, mask: Mask) -> None:
    """Write uint8 ids (H, W) as an 8-bit palette PNG with the VOC colours."""
    write_bytes(path, mask_png(mask))


def mask_png(mask: Mask) -> bytes:
    """The bytes of the 8-bit palette PNG of uint8 ids (H, W)."""
    image = Image.fromarray(mask)
    image.putpalette(voc_palette().tobytes())
    return _encoded(image, "PNG")


def encode_jpeg(image: ImageArray) -> bytes:
    """The bytes of RGB uint8 (H, W, 3) as a JPEG of high quality, without thinned-out colours."""
    return _encoded(Image.fromarray(image), "JPEG", quality=95, subsampling=0)


def image_format(path: Path) -> tuple[str, bool]:
    """The format of the content (`JPEG`, `PNG`, ...), and whether EXIF turns or mirrors the image.

    Decodes a PNG, as `image_size` does.
    """
    if size_of_stored(path):
        return kind_of(path).upper(), False
    with open_image(path, math.inf) as image:
        return str(image.format), orientation_of(image) != 1


def holds_image(path: Path) -> bool:
    """Whether a file is an image that is read, whatever its name; decodes nothing."""
    try:
        return pixel_count(path) > 0
    except (ImageError, OSError):
        return False


def _ids_of_colours(path: Path, image: ImageArray, colours: Mapping[Colour, int] | None) -> Mask:
    ids = ids_of_colours(image, colours or {colour: i for i, colour in enumerate(voc_colours())})
    if (ids < 0).any():
        row, column = np.argwhere(ids < 0)[0]
        colour = tuple(image[row, column].tolist())
        known = "the colours of labelmap.txt" if colours else "the VOC colours"
        raise ImageError(
            f"{path}: expected a mask of one channel with class ids, or {known}, got mode RGB with the "
            f"colour {colour} in row {row}, column {column}"
        )
    return ids.astype(np.uint8)


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()
