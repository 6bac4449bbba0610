"""Opens image files with PIL: formats, the limit on pixels, EXIF rotation."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.data.pixels.files import kind_of, open_heif
from pipeline.data.pixels.stored import check_megapixels, silenced
from pipeline.errors import UserError

# By content, not suffix. Only these: for other formats, PIL starts programs (EPS) or fetches further files.
FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "GIF", "AVIF", "PPM")
MAX_MEGAPIXELS = 100.0  # of an image that nobody has looked at yet
_LOCK = threading.Lock()
_LIFTED: list[int | None] = []  # PIL's limit on pixels, once for each reader at work


class ImageError(UserError):
    """A file that is no readable image or mask; the message names it."""


@silenced()
def open_image(path: Path, max_megapixels: float, content: bytes | None = None) -> Image.Image:
    """The image, not decoded yet; `content`: of the file, where it lies in another one."""
    with named_errors(path):
        with _without_limit():
            image = _opened(path, content)
        try:
            check_megapixels(image.height, image.width, max_megapixels)
        except UserError:
            image.close()
            raise
    return image


@contextmanager
def named_errors(path: Path) -> Iterator[None]:
    """Errors in reading `path` as `ImageError`, with the name of the file."""
    try:
        yield
    except ImageError:
        raise
    except FileNotFoundError as error:
        raise ImageError(f"{path}: no such file") from error
    except UserError as error:
        raise ImageError(f"{path}: {error}") from error
    except UnidentifiedImageError as error:
        kinds = ", ".join(FORMATS)
        raise ImageError(f"{path}: cannot be read as an image: it is no {kinds}, or broken") from error
    except Exception as error:  # libraries raise whatever they come across in broken files
        raise ImageError(f"{path}: cannot be read as an image: {error}") from error


def _opened(path: Path, content: bytes | None) -> Image.Image:
    if kind_of(path, content) == "heif":
        return open_heif(path, content)
    return Image.open(path if content is None else io.BytesIO(content), formats=FORMATS)


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


@silenced()
def decode_upright(
    path: Path, max_megapixels: float, content: bytes | None = None, frame: int = 1
) -> Image.Image:
    """The decoded image as it is looked at; `frame`, from 1, of a film."""
    with open_image(path, max_megapixels, content) as image, named_errors(path), _without_limit():
        if frame > 1:
            image.seek(frame - 1)
        return load_upright(image)


@silenced()
def load_upright(image: Image.Image) -> Image.Image:
    """An opened image, decoded, as it is looked at."""
    with _without_limit():
        image.load()
    return image if orientation_of(image) == 1 else ImageOps.exif_transpose(image)


@silenced()
def orientation_of(image: Image.Image) -> int:
    """EXIF's orientation, 1 to 8; 1, as stored, where EXIF has none that can be read."""
    try:
        orientation = image.getexif().get(0x0112, 1)
    except Exception:  # broken EXIF data, or a PNG whose pixels come first and end too early
        return 1
    return orientation if orientation in range(1, 9) else 1
