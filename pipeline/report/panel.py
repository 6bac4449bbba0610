"""A row of captioned tiles as one picture, for `dvc plots show`."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pipeline.data.pictures import Picture
from pipeline.report.tiles import Tile

SCALE = 0.625  # panels in shares of the page's tiles: they are stored as PNG
GAP, CAPTION, FONT_SIZE = 8, 22, 14  # pixels: between tiles, height of the captions, letters
PAPER, INK = (255, 255, 255), (30, 32, 36)


def draw_panel(tiles: Sequence[Tile]) -> Picture:
    """The tiles side by side on white, each below its caption; uint8 (H, W, 3)."""
    font = ImageFont.load_default(FONT_SIZE)
    pictures = [_small(tile.picture) for tile in tiles]
    # A portrait tile can be narrower than its caption.
    widths = [
        max(picture.width, int(np.ceil(font.getlength(tile.caption))))
        for tile, picture in zip(tiles, pictures, strict=True)
    ]
    height = CAPTION + max(picture.height for picture in pictures)
    panel = Image.new("RGB", (sum(widths) + GAP * (len(tiles) + 1), height + 2 * GAP), PAPER)
    draw = ImageDraw.Draw(panel)
    left = GAP
    for tile, picture, width in zip(tiles, pictures, widths, strict=True):
        draw.text((left, GAP), tile.caption, INK, font)
        panel.paste(picture, (left, GAP + CAPTION))
        left += width + GAP
    return np.asarray(panel)


def _small(picture: Picture) -> Image.Image:
    size = (max(1, round(picture.shape[1] * SCALE)), max(1, round(picture.shape[0] * SCALE)))  # W first
    return Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS)
