"""Masks of georeferenced images as GeoTIFF, so that they lie in a map where their image lies."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.base.files import write_bytes
from pipeline.data.images import Mask
from pipeline.data.pixels.stored import silenced
from pipeline.data.pixels.tiff_file import is_georeferenced
from pipeline.errors import UserError
from pipeline.formats.palette import voc_palette

DIGITS = 9  # of degrees: a tenth of a millimetre


def without_rasterio(images: Iterable[Path]) -> str | None:
    """What to say where georeferenced images get plain masks only; None: nothing."""
    if find_spec("rasterio") or not any(map(is_georeferenced, images)):
        return None
    return "the masks of georeferenced images get no georeference: pip install rasterio"


def write_geotiff(file: Path, mask: Mask, image: Path) -> None:
    """Write uint8 ids (H, W) with the VOC colours and the georeference of `image`.

    Writes nothing if `image` has none, or rasterio is missing.

    Raises:
        UserError: the georeference cannot be read.
    """
    if not is_georeferenced(image) or find_spec("rasterio") is None:
        return
    from rasterio.io import MemoryFile  # here, since it is an extra

    with _opened(image) as source, MemoryFile() as memory:
        height, width = mask.shape
        points, points_crs = source.gcps
        place = {"gcps": points, "crs": points_crs} if points else {"transform": source.transform}
        options = {"crs": source.crs, "compress": "deflate", "photometric": "palette"} | place
        with memory.open("GTiff", width=width, height=height, count=1, dtype="uint8", **options) as target:
            target.write(mask, 1)
            target.write_colormap(1, {i: (*map(int, c), 255) for i, c in enumerate(voc_palette())})
        content = bytes(memory.getbuffer())
    write_bytes(file, content)


def map_of(image: Path) -> Callable[[NDArray[np.float64]], NDArray[np.float64]] | None:
    """What makes longitude and latitude (n, 2) in WGS84 of columns and rows (n, 2) of `image`.

    None if the image has no georeference with a coordinate system, or rasterio is missing.

    Raises:
        UserError: the georeference cannot be read.
    """
    if not is_georeferenced(image) or find_spec("rasterio") is None:
        return None
    from rasterio.transform import from_gcps  # here, since it is an extra
    from rasterio.warp import transform as to_other_crs

    with _opened(image) as source:
        points, points_crs = source.gcps
        crs, to_place = (points_crs, from_gcps(points)) if points else (source.crs, source.transform)

    affine = np.array(to_place).reshape(3, 3)[:2]

    def place(pixels: NDArray[np.float64]) -> NDArray[np.float64]:
        x, y = affine[:, :2] @ pixels.T + affine[:, 2:]
        with silenced():
            return np.stack(to_other_crs(crs, "EPSG:4326", x, y), axis=1).round(DIGITS)

    return place if crs else None


@contextmanager
def _opened(image: Path) -> Iterator[Any]:
    """The image as rasterio opens it."""
    import rasterio  # here, since it is an extra
    from rasterio.errors import RasterioError

    # This driver alone, and no file beside it: other formats may lead to other files.
    try:
        with (
            silenced(),
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(image, driver="GTiff") as source,
        ):
            yield source
    except RasterioError as error:
        raise UserError(f"{image}: its georeference cannot be read: {error}") from error
