"""The only reader of pictures and masks.

Pictures are RGB uint8 (H, W, 3) with the EXIF rotation applied. Masks are uint8 (H, W): 0 background,
class index + 1, 255 ignore; on disk they are 8-bit palette PNGs in the colours of PASCAL VOC.
PIL reads them all: cv2 turns palettes into grey levels and returns None for a broken file.
"""

import io
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.data.files import write_bytes

IGNORE = 255
SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")

Picture = NDArray[np.uint8]  # (H, W, 3) RGB
Mask = NDArray[np.uint8]  # (H, W)


class PictureError(ValueError):
    """A file that is no readable picture or mask; the message names it."""


def read_image(path: Path) -> Picture:
    """Decode `path` as RGB uint8 (H, W, 3), upright.

    Raises:
        PictureError: the file is missing, truncated, no picture, or of floating-point numbers.
    """
    image = _upright(path)
    if image.mode == "F":
        raise PictureError(
            f"{path}: expected 8 or 16 bits a channel, got floating-point numbers. Save it as PNG."
        )
    if image.mode.startswith("I"):
        image = _eight_bit(image)
    return np.asarray(image.convert("RGB"))


def read_mask(path: Path) -> Mask:
    """Decode the ids of a mask as uint8 (H, W): palette indices or grey levels, as stored.

    Raises:
        PictureError: unreadable, or not of one channel (a colour picture has no ids), or ids above 255.
    """
    image = _upright(path)
    if image.mode not in ("P", "L", "1", "I", "I;16"):
        raise PictureError(f"{path}: expected a mask of one channel with class ids, got mode {image.mode}")
    ids = np.asarray(image)
    if ids.size and (ids.min() < 0 or ids.max() > IGNORE):
        raise PictureError(f"{path}: expected ids 0..255, got {ids.min()}..{ids.max()}")
    return ids.astype(np.uint8)


def image_size(path: Path) -> tuple[int, int]:
    """Height and width in pixels, upright, without decoding the pixels where the format allows."""
    with _open(path) as image:
        width, height = image.size
        turned = image.getexif().get(0x0112, 1) >= 5  # EXIF orientation 5 to 8 swap the sides
    return (width, height) if turned else (height, width)


def write_image(path: Path, image: Picture) -> None:
    """Write uint8 RGB (H, W, 3) as PNG."""
    write_bytes(path, _png(Image.fromarray(image)))


def write_mask(path: Path, mask: Mask) -> None:
    """Write uint8 ids (H, W) as an 8-bit palette PNG with the VOC colours."""
    write_bytes(path, mask_png(mask))


def mask_png(mask: Mask) -> bytes:
    """The bytes of the 8-bit palette PNG of uint8 ids (H, W)."""
    image = Image.fromarray(mask)
    image.putpalette(voc_palette().tobytes())
    return _png(image)


def photo_jpeg(image: Picture) -> bytes:
    """The bytes of RGB uint8 (H, W, 3) as a JPEG of high quality, without thinned-out colours."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=95, subsampling=0)
    return buffer.getvalue()


def photo_format(path: Path) -> tuple[str, bool]:
    """What the file is, whatever its name (`JPEG`, `PNG`, ...), and whether EXIF turns or mirrors it."""
    with _open(path) as image:
        return str(image.format), image.getexif().get(0x0112, 1) != 1  # EXIF orientation 1: as stored


def voc_palette() -> NDArray[np.uint8]:
    """The 256 colours of PASCAL VOC, uint8 (256, 3): the bits of the id, dealt out to R, G and B.

    Source: VOCcode/VOClabelcolormap.m of the VOC development kit.
    """
    ids = np.arange(256)
    palette = np.zeros((256, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            palette[:, channel] |= (((ids >> (3 * bit + channel)) & 1) << (7 - bit)).astype(np.uint8)
    return palette


def _open(path: Path) -> Image.Image:
    try:
        return Image.open(path)
    except FileNotFoundError as error:
        raise PictureError(f"{path}: no such file") from error
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError) as error:
        raise PictureError(f"{path}: cannot be read as a picture: {error}") from error


def _upright(path: Path) -> Image.Image:
    with _open(path) as image:
        try:
            image.load()
            return ImageOps.exif_transpose(image)
        except (OSError, SyntaxError, ValueError) as error:
            raise PictureError(f"{path}: cannot be read as a picture: {error}") from error


def _eight_bit(image: Image.Image) -> Image.Image:
    """16-bit grey as 8 bits: the high byte, where PIL's own conversion would clip all above 255 to white."""
    values = np.clip(np.asarray(image).astype(np.int64), 0, 2**16 - 1)
    return Image.fromarray((values >> 8).astype(np.uint8))


def _png(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()
