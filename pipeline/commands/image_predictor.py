"""Predicts one image for `camseg predict`, and writes what is made of it."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from pipeline.base.files import read_json, safe_join, write_json
from pipeline.commands.predict_options import PredictOptions
from pipeline.commands.unfinished import GEOTIFFS, MASKS, OVERLAYS, REGIONS
from pipeline.data.arrays import Probabilities
from pipeline.data.images import ImageArray, Mask, read_mask, resize_mask, write_image, write_mask
from pipeline.export.geotiff import write_geotiff
from pipeline.params import Params
from pipeline.report.overlay import draw_mask
from pipeline.segmentation.mask_rule import RegionSums
from pipeline.segmentation.network import SegmentationNet
from pipeline.segmentation.small_parts import without_small_parts
from pipeline.segmentation.tiles import predict_tiled, tile_count
from pipeline.workflows.prediction import probabilities

MUCH_LARGER = 2  # times the working size; below it, a tile would hardly be smaller than the image


class Predicted(NamedTuple):
    """The mask of an image, and the sums of its regions."""

    mask: Mask
    sums: RegionSums


@dataclass(frozen=True)
class ImagePredictor:
    """A model, how masks are made of its probabilities, and where they go."""

    net: SegmentationNet
    params: Params  # `evaluation` says how the model predicts
    options: PredictOptions
    out: Path
    tile: bool  # large images at their own resolution
    overlay: bool  # masks are also drawn over the images

    def write(self, name: str, path: Path, image: ImageArray, size: tuple[int, int]) -> Predicted:
        """Predict the image of the file `path` and write all that is named `name`.

        Args:
            image: as the model sees it.
            size: height and width of its mask.
        """
        small, sums = self.predict(image)
        mask = resize_mask(small, size)
        if self.options.min_pixels > 0:
            background = self.net.config.background
            mask = without_small_parts(mask, self.options.min_pixels, background=background)
        if self.overlay:
            shown = resize_mask(mask, (image.shape[0], image.shape[1]))
            write_image(safe_join(self.out / OVERLAYS, f"{name}.png"), draw_mask(image, shown))
        write_geotiff(safe_join(self.out / GEOTIFFS, f"{name}.tif"), mask, path)
        regions = {key: value.tolist() for key, value in vars(sums).items()}
        write_json(safe_join(self.out / REGIONS, f"{name}.json"), regions)
        # Last: an image with a mask counts as done.
        write_mask(safe_join(self.out / MASKS, f"{name}.png"), mask)
        return Predicted(mask, sums)

    def predict(self, image: ImageArray) -> Predicted:
        """The mask of an image as `evaluation` says; of a large image in tiles, if asked for."""
        sums = RegionSums.of_nothing(len(self.net.config.classes) + 1)

        def decide(values: Probabilities) -> Mask:
            mask = self.options.rule.mask(values)
            sums.add(values, mask)
            return mask

        side = self.net.config.long_side
        if not self.tile or max(image.shape[:2]) <= MUCH_LARGER * side:
            return Predicted(decide(probabilities(self.net, image, self.params)), sums)
        total = tile_count(image, side)
        with tqdm(total=total, desc="tiles", unit="tile", leave=False, disable=None) as bar:

            def of_tile(part: ImageArray) -> Probabilities:
                bar.update()
                return probabilities(self.net, part, self.params)

            return Predicted(predict_tiled(of_tile, image, side, decide), sums)


def read_prediction(out: Path, name: str) -> Predicted:
    """What an interrupted run has written of an image."""
    sums = {k: np.array(v) for k, v in read_json(safe_join(out / REGIONS, f"{name}.json")).items()}
    return Predicted(read_mask(out / MASKS / f"{name}.png", max_megapixels=math.inf), RegionSums(**sums))
