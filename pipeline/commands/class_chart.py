"""The chart of `camseg check`: images of each class, and which classes come together."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch

from pipeline.data.images import ImageArray
from pipeline.formats.palette import voc_palette
from pipeline.report.fonts import families_for
from pipeline.report.plots import COLOURS, NUMBERED, STYLE, on_blue

INCHES = 0.28  # of a row
SAMPLES = 4.4  # inches of the samples
COLUMNS = 3  # of samples
NAMED = 20  # classes whose colours are named


def draw_overview(
    classes: Sequence[str],
    counts: Mapping[str, np.ndarray],
    together: np.ndarray,
    samples: Sequence[tuple[str, ImageArray]],
) -> Figure:
    """Bars of the images of each class (C,) by split, beside the images (C, C) that hold two classes.

    Below them, samples with their names.
    """
    side = 2 + INCHES * len(classes)
    with matplotlib.rc_context({**STYLE, "font.family": families_for(classes)}):
        height = max(3.4, side)
        figure = Figure((side + 5.6, height + SAMPLES), layout="constrained")
        grid = figure.add_gridspec(2, 1, height_ratios=(height, SAMPLES))
        above, below = figure.add_subfigure(grid[0]), figure.add_subfigure(grid[1])
        _draw_samples(below, classes, samples)
        bars, cells = above.subplots(1, 2, width_ratios=(5.6, side))
        start = np.zeros(len(classes), np.int64)
        for (split, values), colour in zip(counts.items(), COLOURS, strict=False):
            bars.barh(range(len(classes)), values, left=start, color=colour, label=split)
            start = start + values
        bars.set(xlabel="images", title="Images of each class")
        bars.set_yticks(range(len(classes)), classes, parse_math=False)
        bars.invert_yaxis()
        above.legend(loc="outside lower left", ncols=len(counts))
        # Of the images with the class of the row, the share that shows the class of the column too.
        shares = together / np.maximum(together.diagonal()[:, None], 1)
        cells.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        cells.set(title="Images with both classes")
        cells.set_xticks(range(len(classes)), classes, rotation=90, parse_math=False)
        cells.set_yticks(range(len(classes)), classes, parse_math=False)
        if len(classes) <= NUMBERED:
            for row, column in np.ndindex(together.shape):
                text, colour = str(together[row, column]), on_blue(shares[row, column])
                cells.text(column, row, text, color=colour, ha="center", va="center", fontsize=7)
        return figure


def _draw_samples(
    figure: SubFigure, classes: Sequence[str], samples: Sequence[tuple[str, ImageArray]]
) -> None:
    """Images with their names, and the colours of the classes below them."""
    cells = figure.subplots(-(-len(samples) // COLUMNS), COLUMNS, squeeze=False).ravel()
    for axes in cells:
        axes.set_axis_off()
    for axes, (name, image) in zip(cells, samples, strict=False):
        axes.imshow(image)
        axes.set_title(name, fontsize=7, parse_math=False)
    colours = voc_palette()[1:] / 255
    handles = [
        Patch(color=colour, label=name) for name, colour in zip(classes[:NAMED], colours, strict=False)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=6, fontsize=7)
