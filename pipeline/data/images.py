"""The only reader and writer of images and masks.

Images are upright RGB uint8 (H, W, 3). Masks are uint8 (H, W): 0 background, class index + 1, 255 ignore; on
disk they are 8-bit palette PNGs in the colours of PASCAL VOC. PIL reads both: cv2 turns palettes into grey
levels, and returns None for a broken file. The content of a file tells its format, not its suffix.
"""

import io
import math
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from pipeline.base.files import write_bytes
from pipeline.base.sizes import bounded_size
from pipeline.errors import UserError
from pipeline.formats.palette import Colour, ids_of_colours, voc_colours, voc_palette

IGNORE = 255
SUFFIXES = (".jpg", ".jpeg", ".jfif", ".jpe", ".jif", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
# Only these: for other formats, PIL starts programs (EPS) or fetches further files.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF")
MAX_MEGAPIXELS = 100.0  # of an image that nobody has looked at yet
WHITE = (255, 255, 255, 255)  # the page below transparent parts
_LOCK = threading.Lock()
_LIFTED: list[int | None] = []  # PIL's limit on pixels, once for each reader at work

ImageArray = NDArray[np.uint8]  # (H, W, 3) RGB
Mask = NDArray[np.uint8]  # (H, W)


class ImageError(UserError):
    """A file that is no readable image or mask; the message names it."""


def read_image(path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> ImageArray:
    """Decode `path` as RGB uint8 (H, W, 3), upright; the first frame, on white where it is transparent."""
    return np.asarray(_rgb(path, max_megapixels))


def read_shrunk_image(
    path: Path, max_side: int | None, max_megapixels: float = MAX_MEGAPIXELS
) -> tuple[ImageArray, tuple[int, int]]:
    """What `read_image` returns, with the longer side at most `max_side` pixels, and the file's own (H, W).

    None: as large as it is. Bilinear with antialiasing, in whole numbers: the same bytes on every machine.
    """
    image = _rgb(path, max_megapixels)
    size = (image.height, image.width)
    height, width = bounded_size(*size, max_side or max(size))
    if (height, width) != size:
        image = image.resize((width, height), Image.Resampling.BILINEAR)  # PIL: width first
    return np.asarray(image), size


def _rgb(path: Path, max_megapixels: float) -> Image.Image:
    image = _upright(path, max_megapixels)
    if image.mode == "F":
        got = "floating-point numbers"
        raise ImageError(f"{path}: expected 8 or 16 bits a channel, got {got}. Save it as PNG.")
    if image.mode.startswith("I"):
        # 16-bit grey: the high byte, where PIL's own conversion would clip all above 255 to white.
        values = np.clip(np.asarray(image).astype(np.int64), 0, 2**16 - 1)
        image = Image.fromarray((values >> 8).astype(np.uint8))
    if image.has_transparency_data:  # the colours of transparent parts are arbitrary
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, WHITE), image)
    return _as_rgb(image)


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
    image = _upright(path, max_megapixels, content)
    opaque = image.mode == "RGBA" and image.getchannel("A").getextrema() == (255, 255)
    if image.mode == "RGB" or opaque:
        return _ids_of_colours(path, np.asarray(_as_rgb(image)), colours)
    if image.mode not in ("P", "L", "1", "I") and not image.mode.startswith("I;16"):
        raise ImageError(f"{path}: expected a mask of one channel with class ids, got mode {image.mode}")
    ids = np.asarray(image)
    if ids.size and (ids.min() < 0 or ids.max() > IGNORE):
        raise ImageError(f"{path}: expected ids 0..255, got {ids.min()}..{ids.max()}")
    return ids.astype(np.uint8)


def read_stored(path: Path, max_megapixels: float = MAX_MEGAPIXELS) -> Image.Image:
    """Decode `path` upright, in the mode and with the values of the file: for masks."""
    return _upright(path, max_megapixels)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels, upright, without decoding the pixels where the format allows."""
    with _open(path, math.inf) as image:
        width, height = image.size
        turned = _orientation(image) >= 5  # these swap the sides
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
    """The format of the content (`JPEG`, `PNG`, ...), and whether EXIF turns or mirrors the image."""
    with _open(path, math.inf) as image:  # decodes nothing
        return str(image.format), _orientation(image) != 1


def _as_rgb(image: Image.Image) -> Image.Image:
    return image if image.mode == "RGB" else image.convert("RGB")  # which copies


def _open(path: Path, max_megapixels: float, content: bytes | None = None) -> Image.Image:
    try:
        with _without_limit():
            image = Image.open(path if content is None else io.BytesIO(content), formats=FORMATS)
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file") from error
    except Exception as error:  # PIL's readers of broken files raise whatever they come across
        raise ImageError(f"{path}: cannot be read as an image: {error}") from error
    width, height = image.size
    if width * height / 1e6 > max_megapixels:
        image.close()
        raise ImageError(
            f"{path}: expected at most {max_megapixels:g} megapixels, got {height} x {width}. Make it "
            "smaller, or raise data.max_megapixels in params.yaml."
        )
    return image


@contextmanager
def _without_limit() -> Iterator[None]:
    """Lift PIL's limit on pixels, that of the whole process; the last reader puts it back."""
    with _LOCK:
        _LIFTED.append(_LIFTED[0] if _LIFTED else Image.MAX_IMAGE_PIXELS)
        Image.MAX_IMAGE_PIXELS = None
    try:
        yield
    finally:
        with _LOCK:
            limit = _LIFTED.pop()
            if not _LIFTED:
                Image.MAX_IMAGE_PIXELS = limit


def _upright(path: Path, max_megapixels: float, content: bytes | None = None) -> Image.Image:
    with _open(path, max_megapixels, content) as image:
        try:
            with _without_limit():
                image.load()
            return image if _orientation(image) == 1 else ImageOps.exif_transpose(image)
        except Exception as error:  # as above; decoders also run out of data in many ways
            raise ImageError(f"{path}: cannot be read as an image: {error}") from error


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1, as stored, where EXIF has none that can be read."""
    try:
        orientation = image.getexif().get(0x0112, 1)
    except SyntaxError:  # PIL's error for broken EXIF data
        return 1
    return orientation if orientation in range(1, 9) else 1


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
