"""Masks with the georeference of their image."""

from pathlib import Path

import numpy as np
import pytest

rasterio = pytest.importorskip("rasterio")

from rasterio.transform import Affine  # noqa: E402

from pipeline.data.images import Mask, read_mask  # noqa: E402
from pipeline.export import geotiff  # noqa: E402
from pipeline.export.geotiff import without_rasterio, write_geotiff  # noqa: E402
from pipeline.formats.palette import voc_palette  # noqa: E402

MASK: Mask = np.arange(30 * 40, dtype=np.uint16).reshape(30, 40).astype(np.uint8) % 4


def write_map(file: Path, dtype: str = "uint16", bands: int = 3, crs: str = "EPSG:32633") -> Path:
    options = {"width": 40, "height": 30, "count": bands, "dtype": dtype}
    place = Affine(10, 0, 500000, 0, -20, 4600000)
    with rasterio.open(file, "w", driver="GTiff", crs=crs, transform=place, **options) as target:
        target.write(np.ones((bands, 30, 40), dtype))
    return file


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326"])
def test_the_mask_lies_where_the_image_lies(tmp_path: Path, dtype: str, crs: str) -> None:
    image = write_map(tmp_path / "a.tif", dtype, crs=crs)
    write_geotiff(tmp_path / "out/m.tif", MASK, image)
    with rasterio.open(tmp_path / "out/m.tif") as written, rasterio.open(image) as source:
        assert written.crs == source.crs
        assert written.transform == source.transform
        np.testing.assert_array_equal(written.read(1), MASK)
        assert written.colormap(1)[3][:3] == tuple(voc_palette()[3].tolist())
    np.testing.assert_array_equal(read_mask(tmp_path / "out/m.tif"), MASK)


def test_other_images_get_none(tmp_path: Path) -> None:
    import tifffile
    from PIL import Image

    tifffile.imwrite(tmp_path / "a.tif", MASK)
    Image.fromarray(MASK).save(tmp_path / "b.png")
    (tmp_path / "c.tif").write_bytes(b"II*\0broken")
    for name in ("a.tif", "b.png", "c.tif"):
        write_geotiff(tmp_path / "out.tif", MASK, tmp_path / name)
    assert not (tmp_path / "out.tif").exists()


def test_a_missing_rasterio_is_said_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    image = write_map(tmp_path / "a.tif")
    assert without_rasterio([image]) is None
    monkeypatch.setattr(geotiff, "find_spec", lambda _: None)
    assert without_rasterio([image, image]) == (
        "the masks of georeferenced images get no georeference: pip install rasterio"
    )
    assert without_rasterio([tmp_path / "missing.tif"]) is None
    write_geotiff(tmp_path / "out.tif", MASK, image)
    assert not (tmp_path / "out.tif").exists()
