"""What makes masks follow the edges of the image, by its name."""

from functools import partial

import numpy as np

from pipeline.base.tile_spans import image_tiles
from pipeline.data.arrays import Probabilities
from pipeline.data.images import ImageArray
from pipeline.masks.crf import dense_crf
from pipeline.masks.pixel_adaptive import pixel_adaptive
from pipeline.masks.refiner_input import Refiner
from pipeline.masks.segments import by_superpixels
from pipeline.params import CrfParams, ParParams, Refinement, SegmentParams


def refiner(name: Refinement, crf: CrfParams, par: ParParams, segments: SegmentParams) -> Refiner | None:
    """The refiner of this name with its params; None for `none` and `colours`.

    `pixels` are told by their classifier before the CRF follows the edges.
    """
    match name:
        case "crf" | "pixels":
            return partial(dense_crf, params=crf)
        case "par":
            return partial(pixel_adaptive, params=par)
        case "segments":
            return partial(by_superpixels, params=segments)
    return None


def refine_by_tiles(
    refine: Refiner, image: ImageArray, probabilities: Probabilities, tiles: int
) -> Probabilities:
    """`refine` of each of `tiles` parts along the longer side, and of as long ones along the other side.

    The sizes and counts in its params are those of a tile. A tile sees 32 pixels around it, so that no seams
    show.
    """
    if tiles == 1:
        return refine(image, probabilities)
    height, width = image.shape[:2]
    refined = np.empty(probabilities.shape, np.float32)
    for rows, columns in image_tiles(height, width, -(-max(height, width) // tiles)):
        part = refine(image[rows.seen, columns.seen], probabilities[:, rows.seen, columns.seen])
        refined[:, rows.own(), columns.own()] = part[:, rows.inner(), columns.inner()]
    return refined
