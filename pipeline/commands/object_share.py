"""What share of an image the objects have, and whether the classifier can see so little."""

import math
from collections.abc import Iterator, Mapping

import numpy as np

from pipeline.base.problems import listed
from pipeline.base.sizes import working_size
from pipeline.data.manifest import Manifest, Sample
from pipeline.params import Params

SHRUNK = 2  # times; images that shrink less lose little


def say_shares(manifest: Manifest, pixels: Mapping[str, int], params: Params, stride: int) -> Iterator[str]:
    """Sentences on the size of objects: from masks, else from what a cell of the feature map sees.

    Args:
        pixels: of each class in all masks, by its name.
        stride: pixels of the side of a cell of the classifier's last feature map.
    """
    side = params.working_side()
    shares = dict(_shares(manifest, pixels))
    cells = {name: share * _working_area(manifest, name, side) / stride**2 for name, share in shares.items()}
    if shares:
        texts = [f"{name} {share:.2%} ({cells[name]:.1f} cells)" for name, share in shares.items()]
        yield f"share of the images that show a class, and cells at {side} pixels: {listed(texts)}"
    small = {name: number for name, number in cells.items() if number < 1}
    longest = float(np.median([max(s.original_size) for s in manifest.samples]))
    if small:
        least = min(small.values())
        tiles = math.ceil(params.data.tiles / math.sqrt(least)) if least else params.data.tiles + 1
        yield (
            f"less than a cell, so the classifier hardly sees it: {listed(list(small))}. data.tiles: "
            f"{_possible(tiles, longest, params)} with classifier.pooling: 0.02 enlarges it, and labels of "
            "tiles teach more (camseg tiles make)"
        )
    elif not shares and longest > SHRUNK * side:
        cell = round(stride * longest / side)
        yield (
            f"no mask says how large objects are: at {side} pixels, what is smaller than {cell} x {cell} "
            "pixels of an image is less than a cell of the classifier. For such objects raise data.tiles, "
            "or label tiles (camseg tiles make)"
        )
    if params.data.tiles > 1 and params.classifier.pooling == "mean":
        yield "classifier.pooling: mean hides an object in one of many tiles. Set a share of the cells, 0.02"


def _shares(manifest: Manifest, pixels: Mapping[str, int]) -> Iterator[tuple[str, float]]:
    """Each class with pixels, and its share of the images that show it and have a mask."""
    for label, name in enumerate(manifest.classes):
        area = sum(math.prod(s.original_size) for s in _shown(manifest, label) if s.mask)
        if area and pixels.get(name):
            yield name, pixels[name] / area


def _working_area(manifest: Manifest, name: str, side: int) -> float:
    """Mean pixels of the images of a class at the working resolution."""
    shown = _shown(manifest, manifest.classes.index(name))
    return float(np.mean([math.prod(working_size(s.height, s.width, side)) for s in shown]))


def _shown(manifest: Manifest, label: int) -> list[Sample]:
    return [sample for sample in manifest.samples if label in sample.labels]


def _possible(tiles: int, longest: float, params: Params) -> int:
    """So many tiles, or as many as the pixels of the images are enough for, and more than there are."""
    return max(params.data.tiles + 1, min(tiles, math.ceil(longest / params.data.long_side)))
