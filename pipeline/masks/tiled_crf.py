"""The dense CRF of a large image, tile by tile."""

import numpy as np

from pipeline.base.tile_spans import image_tiles
from pipeline.data.arrays import Probabilities
from pipeline.data.images import ImageArray
from pipeline.masks.crf import dense_crf
from pipeline.params import CrfParams


def crf_by_tiles(
    image: ImageArray, probabilities: Probabilities, params: CrfParams, tiles: int
) -> Probabilities:
    """`dense_crf` of each of `tiles` parts along the longer side, and of as long ones along the other side.

    The sizes in `params` are those of a tile. A tile sees 32 pixels around it, so that no seams show.
    """
    if tiles == 1:
        return dense_crf(image, probabilities, params)
    height, width = image.shape[:2]
    refined = np.empty(probabilities.shape, np.float32)
    for rows, columns in image_tiles(height, width, -(-max(height, width) // tiles)):
        part = dense_crf(image[rows.seen, columns.seen], probabilities[:, rows.seen, columns.seen], params)
        refined[:, rows.own(), columns.own()] = part[:, rows.inner(), columns.inner()]
    return refined
