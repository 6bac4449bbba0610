"""Captioned tiles as one image: a row for `dvc plots show`, a grid for `camseg explain`."""

from collections.abc import Sequence

import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.data.images import ImageArray
from pipeline.report.overlay import COLOUR_MAP
from pipeline.report.tiles import Tile

SCALE = 0.625  # of the size of a tile on the page: panels are PNGs
GAP, CAPTION, FONT_SIZE = 8, 22, 14  # pixels: between tiles, height of the captions, letters
LEGEND = 160  # pixels, length of the colour bar
PAPER, INK = (255, 255, 255), (30, 32, 36)


def draw_panel(tiles: Sequence[Tile]) -> ImageArray:
    """The tiles side by side on white, each below its caption; uint8 (H, W, 3)."""
    font = ImageFont.load_default(FONT_SIZE)
    images = [_small(tile.image) for tile in tiles]
    # A portrait tile can be narrower than its caption.
    captions = [int(np.ceil(font.getlength(tile.caption))) for tile in tiles]
    widths = [max(image.width, caption) for image, caption in zip(images, captions, strict=True)]
    height = CAPTION + max(image.height for image in images)
    panel = Image.new("RGB", (sum(widths) + GAP * (len(tiles) + 1), height + 2 * GAP), PAPER)
    draw = ImageDraw.Draw(panel)
    left = GAP
    for tile, image, width in zip(tiles, images, widths, strict=True):
        draw.text((left, GAP), tile.caption, INK, font)
        panel.paste(image, (left, GAP + CAPTION))
        left += width + GAP
    return np.asarray(panel)


def draw_grid(rows: Sequence[Sequence[Tile]]) -> ImageArray:
    """Panels below each other, and a legend of the colours of heat; uint8 (H, W, 3)."""
    panels = [draw_panel(row) for row in rows]
    width = max(panel.shape[1] for panel in panels)
    margins = [((0, 0), (0, width - panel.shape[1]), (0, 0)) for panel in panels]
    padded = [np.pad(p, m, constant_values=PAPER[0]) for p, m in zip(panels, margins, strict=True)]
    return np.concatenate([*padded, _legend(width)])


def _legend(width: int) -> ImageArray:
    """A strip with the colour map of heat from 0 to 1."""
    strip = Image.new("RGB", (width, CAPTION + GAP), PAPER)
    draw = ImageDraw.Draw(strip)
    font = ImageFont.load_default(FONT_SIZE)
    ramp = matplotlib.colormaps[COLOUR_MAP](np.linspace(0, 1, LEGEND))[:, :3] * 255
    bar = np.broadcast_to(ramp.astype(np.uint8), (FONT_SIZE, LEGEND, 3))
    draw.text((GAP, 0), "heat 0", INK, font)
    left = 2 * GAP + int(np.ceil(font.getlength("heat 0")))
    strip.paste(Image.fromarray(np.ascontiguousarray(bar)), (left, 2))
    draw.text((left + LEGEND + GAP, 0), "1: strongest of its image; transparent where weak", INK, font)
    return np.asarray(strip)


def _small(image: ImageArray) -> Image.Image:
    size = (max(1, round(image.shape[1] * SCALE)), max(1, round(image.shape[0] * SCALE)))  # width first
    return Image.fromarray(image).resize(size, Image.Resampling.LANCZOS)
