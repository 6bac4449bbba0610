"""One image of the report: image, heatmap or mask at the report's size, under its caption."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from pipeline.base.sizes import working_size
from pipeline.data.arrays import StoredHeatmaps
from pipeline.data.images import ImageArray, Mask
from pipeline.masks.threshold import mask_at_threshold, upsample
from pipeline.report.overlay import draw_heat, draw_mask

LONG_SIDE = 320  # pixels; a page of 40 rows stays below 10 MB


@dataclass(frozen=True)
class Tile:
    """An image and what it shows."""

    caption: str
    image: ImageArray


def shrink_image(image: ImageArray) -> ImageArray:
    """The image with its longer side at `LONG_SIDE` pixels (small images are enlarged)."""
    height, width = working_size(image.shape[0], image.shape[1], LONG_SIDE)
    return np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BICUBIC))  # W first


def shrink_mask(mask: Mask) -> Mask:
    """The mask at the size of `shrink_image`; ids are picked, never mixed."""
    height, width = working_size(mask.shape[0], mask.shape[1], LONG_SIDE)
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))


def heat_tiles(image: ImageArray, heatmaps: Mapping[str, StoredHeatmaps]) -> list[Tile]:
    """The largest heat over the image's classes, one tile per method.

    Args:
        image: as `shrink_image` gives it.
        heatmaps: stored heatmaps of the image by method.
    """
    size = image.shape[0], image.shape[1]
    heat = {method: upsample(stored, size).max(axis=0, initial=0) for method, stored in heatmaps.items()}
    return [Tile(f"heatmap {method}", draw_heat(image, peak)) for method, peak in heat.items()]


def cut_heat(image: ImageArray, stored: StoredHeatmaps, labels: Sequence[int], threshold: float) -> Mask:
    """The pseudo-mask before its refinement, at the size of `image`.

    Args:
        image: as `shrink_image` gives it.
        stored: uint8 (P, h, w), heat * 255.
        labels: the P class indices.
    """
    # At the report's size: the same image without an array of the image's size per class.
    return mask_at_threshold(
        upsample(stored, (image.shape[0], image.shape[1])), np.array(labels, int), threshold
    )


def mask_tiles(image: ImageArray, masks: Mapping[str, Mask]) -> list[Tile]:
    """One tile per caption and mask; all of the size of `image`."""
    return [Tile(caption, draw_mask(image, mask)) for caption, mask in masks.items()]
