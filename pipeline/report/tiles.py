"""One tile of the report: an image, heatmap or mask at the report's size, with its caption."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.base.sizes import working_size
from pipeline.data.arrays import StoredHeatmaps
from pipeline.data.images import ImageArray, Mask, resize_mask
from pipeline.masks.threshold import Threshold, mask_at_threshold, upsample
from pipeline.report.overlay import draw_heat, draw_mask

LONG_SIDE = 320  # pixels; a page of 40 rows stays below 10 MB


@dataclass(frozen=True)
class Tile:
    """An image and what it shows."""

    caption: str
    image: ImageArray


def shrink_image(image: ImageArray, side: int = LONG_SIDE) -> ImageArray:
    """The image with its longer side at `side` pixels; small images are enlarged."""
    height, width = working_size(image.shape[0], image.shape[1], side)
    return np.asarray(
        Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC)
    )  # PIL: width first


def shrink_mask(mask: Mask) -> Mask:
    """The mask at the size of `shrink_image`; ids are picked, never mixed."""
    return resize_mask(mask, working_size(mask.shape[0], mask.shape[1], LONG_SIDE))


def heat_tiles(image: ImageArray, heatmaps: Mapping[str, StoredHeatmaps]) -> list[Tile]:
    """A tile for each method: the largest heat of the image's classes, over an image of the report's size."""
    size = image.shape[0], image.shape[1]
    heat = {method: upsample(stored, size).max(axis=0, initial=0) for method, stored in heatmaps.items()}
    return [Tile(f"heatmap {method}", draw_heat(image, peak)) for method, peak in heat.items()]


def threshold_tile(
    image: ImageArray, stored: StoredHeatmaps, labels: Sequence[int], threshold: Threshold
) -> Mask:
    """The pseudo-mask of the P `labels` before its refinement, uint8 (H, W) as small as `image`."""
    heat = upsample(stored, (image.shape[0], image.shape[1]))
    return mask_at_threshold(heat, np.array(labels, int), threshold)


def mask_tiles(image: ImageArray, masks: Mapping[str, Mask]) -> list[Tile]:
    """A tile for each caption and mask; all have the size of `image`."""
    return [Tile(caption, draw_mask(image, mask)) for caption, mask in masks.items()]
