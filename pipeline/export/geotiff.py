"""Masks of georeferenced images as GeoTIFF, so that they lie in a map where their image lies."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

from pipeline.base.files import write_bytes
from pipeline.data.images import Mask
from pipeline.data.pixels.stored import silenced
from pipeline.data.pixels.tiff_file import is_georeferenced
from pipeline.errors import UserError
from pipeline.formats.palette import voc_palette


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
    import rasterio  # here, since it is an extra
    from rasterio.errors import RasterioError
    from rasterio.io import MemoryFile

    # This driver alone, and no file beside it: other formats may lead to other files.
    try:
        with (
            silenced(),
            rasterio.Env(GDAL_DISABLE_READDIR_ON_OPEN="EMPTY_DIR"),
            rasterio.open(image, driver="GTiff") as source,
            MemoryFile() as memory,
        ):
            height, width = mask.shape
            points, points_crs = source.gcps
            place = {"gcps": points, "crs": points_crs} if points else {"transform": source.transform}
            options = {"crs": source.crs, "compress": "deflate", "photometric": "palette"} | place
            with memory.open(
                "GTiff", width=width, height=height, count=1, dtype="uint8", **options
            ) as target:
                target.write(mask, 1)
                target.write_colormap(1, {i: (*map(int, c), 255) for i, c in enumerate(voc_palette())})
            content = bytes(memory.getbuffer())
    except RasterioError as error:
        raise UserError(f"{image}: its georeference cannot be read: {error}") from error
    write_bytes(file, content)
