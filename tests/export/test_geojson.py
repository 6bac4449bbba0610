"""GeoJSON: polygons in pixels as QuPath reads them, and on the map where images lie on one."""

import json
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.images import write_image
from pipeline.data.mask_store import load_mask
from pipeline.export.geojson import PIXELS, WGS84, export_geojson, feature_collection
from pipeline.export.geotiff import map_of
from pipeline.export.items import ExportItem
from pipeline.formats.palette import voc_palette
from tests.export.conftest import CLASSES

Items = tuple[ExportItem, ...]


def signed_area(ring: list[list[float]]) -> float:
    x, y = np.array(ring[:-1]).T
    return float((x * np.roll(y, -1) - np.roll(x, -1) * y).sum() / 2)


def polygons(feature: dict) -> list[list[list[list[float]]]]:
    geometry = feature["geometry"]
    return [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]


def test_each_class_has_its_pixels(items: Items, tmp_path: Path) -> None:
    export_geojson(items, CLASSES, tmp_path)
    for item in items:
        content = json.loads((tmp_path / f"{item.name}.geojson").read_text(encoding="utf-8"))
        assert (content["type"], content["coordinates"]) == ("FeatureCollection", PIXELS)
        mask, areas = load_mask(item.masks, item), dict.fromkeys(CLASSES, 0.0)
        for feature in content["features"]:
            shown = feature["properties"]["classification"]
            assert shown["color"] == voc_palette()[CLASSES.index(shown["name"]) + 1].tolist()
            rings = [ring for polygon in polygons(feature) for ring in polygon]
            assert all(ring[0] == ring[-1] for ring in rings)
            assert all(polygon and signed_area(polygon[0]) > 0 for polygon in polygons(feature))
            assert sum(map(signed_area, rings)) == feature["properties"]["pixels"]
            areas[shown["name"]] += feature["properties"]["pixels"]
        assert list(areas.values()) == [(mask == i).sum() for i in range(1, len(CLASSES) + 1)]


@pytest.mark.parametrize(
    ("mask", "kinds"),
    [
        ([[1, 0], [0, 1]], ["MultiPolygon"]),  # touching corners are one object
        ([[1, 1], [1, 0]], ["Polygon"]),
        ([[1, 2], [2, 1]], ["MultiPolygon", "MultiPolygon"]),
        ([[1, 0, 1]], ["Polygon", "Polygon"]),
        ([[255, 255, 0]], []),
    ],
)
def test_a_feature_is_an_object(mask: list[list[int]], kinds: list[str]) -> None:
    content = feature_collection(np.array(mask, np.uint8), CLASSES, None)
    assert [feature["geometry"]["type"] for feature in content["features"]] == kinds


@pytest.mark.parametrize("crs", ["EPSG:32633", "EPSG:4326", "EPSG:3857"])
def test_georeferenced_images_get_longitude_and_latitude(crs: str, tmp_path: Path) -> None:
    rasterio = pytest.importorskip("rasterio")
    step = 1e-4 if crs == "EPSG:4326" else 10
    corner = {"EPSG:32633": (500000, 4600000), "EPSG:4326": (15, 41.5), "EPSG:3857": (1669792, 5090000)}[crs]
    place = rasterio.transform.Affine(step, 0, corner[0], 0, -step, corner[1])
    file = tmp_path / "map.tif"
    options = {"width": 8, "height": 6, "count": 3, "dtype": "uint8", "photometric": "RGB"}
    with rasterio.open(file, "w", driver="GTiff", crs=crs, transform=place, **options) as target:
        target.write(np.zeros((3, 6, 8), np.uint8))
    mask = np.zeros((6, 8), np.uint8)
    mask[2:4, 3:8] = 1
    mask[2, 4] = 0
    content = feature_collection(mask, CLASSES, map_of(file))
    assert content["coordinates"] == WGS84
    ((outer, *holes),) = polygons(content["features"][0])
    assert signed_area(outer) > 0, "counterclockwise"
    assert all(signed_area(hole) < 0 for hole in holes)
    expected = rasterio.warp.transform_bounds(crs, "EPSG:4326", *rasterio.transform.array_bounds(6, 8, place))
    lon, lat = np.array(outer).T
    assert expected[0] < lon.min() < lon.max() == pytest.approx(expected[2], abs=1e-6)
    assert expected[1] < lat.min() < lat.max() < expected[3]


@pytest.mark.parametrize("name", ["plain.png", "plain.tif", "none.tif"])
def test_other_images_have_no_map(name: str, tmp_path: Path) -> None:
    if name == "plain.png":
        write_image(tmp_path / name, np.zeros((4, 4, 3), np.uint8))
    elif name == "plain.tif":
        (tmp_path / name).write_bytes(b"II*\x00")
    assert map_of(tmp_path / name) is None
