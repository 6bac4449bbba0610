"""Colours of classes on the screen that colour-blind people tell apart.

Masks on disk keep the colours of PASCAL VOC: other programs know them.
"""

from pipeline.formats.palette import Colour

# Source: Okabe and Ito 2008, Color Universal Design; without black, and with blue and yellow last.
OKABE_ITO: tuple[Colour, ...] = (
    *((230, 159, 0), (86, 180, 233), (0, 158, 115), (204, 121, 167)),
    *((213, 94, 0), (0, 114, 178), (240, 228, 66)),
)
LIGHTER = 0.45  # of the way to white, in every second round through the colours


def safe_colours(count: int) -> list[Colour]:
    """A colour for each of `count` classes; after seven they come again lighter, and then from the start."""
    lighter = [_towards_white(colour) for colour in OKABE_ITO]
    return [(*OKABE_ITO, *lighter)[i % (2 * len(OKABE_ITO))] for i in range(count)]


def _towards_white(colour: Colour) -> Colour:
    red, green, blue = (round(value + LIGHTER * (255 - value)) for value in colour)
    return red, green, blue
