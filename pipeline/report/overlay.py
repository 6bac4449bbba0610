"""Heat and masks drawn over an image; images are RGB uint8 (H, W, 3)."""

import cv2
import matplotlib
import numpy as np
from numpy.typing import NDArray

from pipeline.data.images import IGNORE, ImageArray, Mask
from pipeline.formats.palette import voc_palette

COLOUR_MAP = "inferno"  # even to the eye, also in grey and for colour-blind readers
HEAT_OPACITY = 0.85  # of the strongest heat
MASK_OPACITY = 0.5
OUTLINE = 2  # pixels
HATCH_PERIOD, HATCH_WIDTH = 8, 3  # pixels along a row
BAND = 64 * HATCH_PERIOD  # rows drawn at once: drawing takes 50 times the memory of a mask
HATCH_OPACITY = (0.35, 0.9)  # of white: between the stripes, and on them

Opacity = NDArray[np.float64]  # (H, W) in [0, 1]


def draw_heat(image: ImageArray, heat: NDArray[np.float32]) -> ImageArray:
    """Heat (H, W) in [0, 1] over the image: colour and opacity both grow with it; heat 0 shows the image."""
    colours = matplotlib.colormaps[COLOUR_MAP](heat)[..., :3] * 255
    return blend(image, colours, HEAT_OPACITY * heat.astype(np.float64))


def draw_mask(image: ImageArray, mask: Mask) -> ImageArray:
    """A mask (H, W) over the image: ids in the colours of VOC with an outline, 255 as white stripes.

    The image below is grey, so that all colour comes from the mask.
    """
    drawn = np.empty_like(image)
    for top in range(0, len(mask), BAND):
        above, bottom = max(0, top - OUTLINE), top + BAND
        outline = outlines(mask[above : bottom + OUTLINE])[top - above :][:BAND]
        drawn[top:bottom] = _draw_rows(image[top:bottom], mask[top:bottom], outline)
    return drawn


def _draw_rows(image: ImageArray, mask: Mask, outline: NDArray[np.bool_]) -> ImageArray:
    labelled = (mask != 0) & (mask != IGNORE)
    opacity = np.where(labelled, MASK_OPACITY, 0.0)
    opacity[labelled & outline] = 1
    opacity = np.where(mask == IGNORE, hatch(mask.shape), opacity)
    colours = voc_palette().copy()
    colours[IGNORE] = 255
    return blend(to_grey(image), colours[mask].astype(np.float64), opacity)


def to_grey(image: ImageArray) -> ImageArray:
    """The brightness of the image (ITU-R BT.601) in all three channels."""
    return np.asarray(cv2.cvtColor(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8)


def outlines(mask: Mask) -> NDArray[np.bool_]:
    """Whether another id lies within `OUTLINE` pixels, bool (H, W); the image border is no outline."""
    window = np.ones((2 * OUTLINE + 1, 2 * OUTLINE + 1), np.uint8)
    return np.asarray(cv2.dilate(mask, window) != cv2.erode(mask, window))


def hatch(shape: tuple[int, ...]) -> Opacity:
    """Opacity (H, W) of diagonal stripes."""
    rows, columns = np.indices(shape[:2])
    stripe = (rows + columns) % HATCH_PERIOD < HATCH_WIDTH
    return np.where(stripe, HATCH_OPACITY[1], HATCH_OPACITY[0])


def blend(image: ImageArray, colours: NDArray[np.float64], opacity: Opacity) -> ImageArray:
    """`image * (1 - opacity) + colours * opacity`, rounded."""
    share = opacity[..., None]
    return np.rint(image * (1 - share) + colours * share).astype(np.uint8)
