"""The chart of `camseg check`: images of each class, and which classes come together."""

from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from pipeline.report.fonts import families_for
from pipeline.report.plots import COLOURS, NUMBERED, STYLE, on_blue

INCHES = 0.28  # of a row


def draw_overview(classes: Sequence[str], counts: Mapping[str, np.ndarray], together: np.ndarray) -> Figure:
    """Bars of the images of each class (C,) by split, beside the images (C, C) that hold two classes."""
    side = 2 + INCHES * len(classes)
    with matplotlib.rc_context({**STYLE, "font.family": families_for(classes)}):
        figure = Figure((side + 5.6, max(3.4, side)), layout="constrained")
        bars, cells = figure.subplots(1, 2, width_ratios=(5.6, side))
        start = np.zeros(len(classes), np.int64)
        for (split, values), colour in zip(counts.items(), COLOURS, strict=False):
            bars.barh(range(len(classes)), values, left=start, color=colour, label=split)
            start = start + values
        bars.set(xlabel="images", title="Images of each class")
        bars.set_yticks(range(len(classes)), classes, parse_math=False)
        bars.invert_yaxis()
        bars.legend()
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
