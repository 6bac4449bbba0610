"""Masks as polygons in GeoJSON: for QuPath in pixels, for maps in longitude and latitude."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.base.files import safe_join, write_json
from pipeline.data.images import IGNORE, Mask
from pipeline.export.geotiff import map_of
from pipeline.export.items import ExportItem, label_ids_of, read_masks
from pipeline.formats.outlines import TracedPart, edge_outlines, region_parts
from pipeline.formats.palette import voc_palette

Coordinates = NDArray[np.float64]  # (n, 2): column and row of the image, or longitude and latitude
Place = Callable[[Coordinates], Coordinates]

PIXELS = "column and row in pixels, from the top left corner of the image"
WGS84 = "longitude and latitude, WGS84"


def export_geojson(items: Sequence[ExportItem], classes: Sequence[str], folder: Path) -> None:
    """Write `NAME.geojson` for each item: a feature for each connected part of each class.

    Georeferenced images get longitude and latitude in WGS84, as RFC 7946 wants them, if rasterio is
    installed. All others have pixels, which is what QuPath reads. The member `coordinates` says which. Pixels
    of 255 are in no feature.
    """
    for item, mask in read_masks(items, classes, "geojson"):
        features = feature_collection(mask, classes, map_of(item.image))
        write_json(safe_join(folder, f"{item.name}.geojson"), features)


def feature_collection(mask: Mask, classes: Sequence[str], to_map: Place | None) -> dict[str, Any]:
    """All parts of a mask uint8 (H, W); `to_map` makes longitude and latitude of columns and rows."""
    place = to_map or (lambda points: points)
    features = [
        {
            "type": "Feature",
            "geometry": geometry(part, np.array([left, top]), place),
            "properties": {
                "objectType": "annotation",  # QuPath's word
                "classification": {"name": classes[i - 1], "color": voc_palette()[i].tolist()},
                "pixels": int(part.sum()),
            },
        }
        for i in label_ids_of(mask)
        if i != IGNORE
        for part, left, top in region_parts(mask == i, corners=True)
    ]
    return {
        "type": "FeatureCollection",
        "coordinates": WGS84 if to_map else PIXELS,
        "features": features,
    }


def geometry(part: NDArray[np.bool_], start: NDArray[np.int64], place: Place) -> dict[str, Any]:
    """A polygon; several where pixels touch at corners only, since no line may touch itself.

    Args:
        start: column and row of the image at which `part` starts.
    """
    polygons = [rings_of(outline, start, place) for outline in edge_outlines(part)]
    if len(polygons) == 1:
        return {"type": "Polygon", "coordinates": polygons[0]}
    return {"type": "MultiPolygon", "coordinates": polygons}


def rings_of(outline: TracedPart, start: NDArray[np.int64], place: Place) -> list[list[list[float]]]:
    """The closed rings of an outline: the outer one counterclockwise where y points up, holes clockwise."""
    outer, *holes = (place((ring + start).astype(np.float64)) for ring in (outline.outer, *outline.holes))
    rings = [turned(outer, 1), *(turned(hole, -1) for hole in holes)]
    return [[*ring.tolist(), ring[0].tolist()] for ring in rings]


def turned(ring: Coordinates, sign: int) -> Coordinates:
    """The ring, its points in the order in which its area has this sign."""
    x, y = ring.T
    area = (x * np.roll(y, -1) - np.roll(x, -1) * y).sum()
    return ring if area * sign > 0 else ring[::-1]
