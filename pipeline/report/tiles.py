"""One picture of the report: photo, heatmap or mask at the report's size, under its caption."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.base.sizes import working_size
from pipeline.data.images import Mask, Picture
from pipeline.masks.threshold import label_map, upsample
from pipeline.report.overlay import draw_heat, draw_mask

LONG_SIDE = 320  # pixels; a page of 40 rows stays below 10 MB

Stored = NDArray[np.uint8]  # (P, h, w), heat * 255, as in the store of heatmaps


@dataclass(frozen=True)
class Tile:
    """A picture and what it shows."""

    caption: str
    picture: Picture


def shrink_photo(photo: Picture) -> Picture:
    """The photo with its longer side at `LONG_SIDE` pixels (small photos are enlarged)."""
    height, width = working_size(photo.shape[0], photo.shape[1], LONG_SIDE)
    return np.asarray(Image.fromarray(photo).resize((width, height), Image.Resampling.BICUBIC))  # W first


def shrink_mask(mask: Mask) -> Mask:
    """The mask at the size of `shrink_photo`; ids are picked, never mixed."""
    height, width = working_size(mask.shape[0], mask.shape[1], LONG_SIDE)
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))


def heat_tiles(photo: Picture, heatmaps: Mapping[str, Stored]) -> list[Tile]:
    """The largest heat over the image's classes, one tile per method.

    Args:
        photo: as `shrink_photo` gives it.
        heatmaps: stored heatmaps of the image by method.
    """
    size = photo.shape[0], photo.shape[1]
    heat = {method: upsample(stored, size).max(axis=0, initial=0) for method, stored in heatmaps.items()}
    return [Tile(f"heatmap {method}", draw_heat(photo, peak)) for method, peak in heat.items()]


def cut_heat(photo: Picture, stored: Stored, labels: Sequence[int], threshold: float) -> Mask:
    """The pseudo-mask before its refinement, at the size of `photo`.

    Args:
        photo: as `shrink_photo` gives it.
        stored: uint8 (P, h, w), heat * 255.
        labels: the P class indices.
    """
    # At the report's size: the same picture without an array of the photo's size per class.
    return label_map(upsample(stored, (photo.shape[0], photo.shape[1])), np.array(labels, int), threshold)


def mask_tiles(photo: Picture, masks: Mapping[str, Mask]) -> list[Tile]:
    """One tile per caption and mask; all of the size of `photo`."""
    return [Tile(caption, draw_mask(photo, mask)) for caption, mask in masks.items()]
