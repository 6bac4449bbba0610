"""The report's figures, one function for each, and figures as PNG and SVG; without pyplot's global state."""

import io
import re
import warnings
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from pipeline.params import FULL
from pipeline.report.fonts import families_for
from pipeline.report.results import Confusion, Metrics, Points

INK = "#20242b"  # of text and lines; in SVG it becomes the page's own text colour, for light and dark
COLOURS = ("#2f80c2", "#e08214", "#3a9d6e", "#8e63c7")
GREY = "#8b919b"  # of `full`
SIZE = (5.6, 3.4)  # inches
LINE, SYMBOL = 84, 9  # letters: of a line of a legend, and of the symbol before a name
NUMBERED = 25  # classes up to which the cells of a matrix hold numbers

# Any: the types of newer versions of matplotlib name every key, those of older versions do not.
STYLE: Any = {
    "font.size": 9,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text: small, and in the reader's font
    "svg.hashsalt": "camseg",  # ids would be random
}


@contextmanager
def _axes(size: tuple[float, float], names: Sequence[str] = ()) -> Iterator[tuple[Figure, Axes]]:
    """A new figure of `size` inches and its axes, in the report's style, with fonts for `names`."""
    with matplotlib.rc_context({**STYLE, "font.family": families_for(names)}):
        figure = Figure(size, layout="constrained")
        yield figure, figure.subplots()


def draw_losses(curves: Mapping[str, Points]) -> Figure:
    """Training loss by optimiser step, one line for each model."""
    with _axes(SIZE) as (figure, axes):
        for (name, points), colour in zip(curves.items(), colours(tuple(curves)), strict=True):
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.3, label=name)
        axes.set(xlabel="optimiser step", ylabel="loss")
        axes.set_ylim(bottom=0)
        axes.grid(axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.legend()
        return figure


def draw_held_out(curves: Mapping[str, Points]) -> Figure:
    """Scores of held-out images by optimiser step, one line for each network and score."""
    with _axes(SIZE) as (figure, axes):
        for (name, points), colour in zip(curves.items(), colours(tuple(curves)), strict=True):
            axes.plot(*zip(*points, strict=True), ".-", color=colour, linewidth=1.3, label=name)
        axes.set(xlabel="optimiser step", ylabel="score of held-out images", ylim=(0, 1.02))
        axes.grid(axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.legend()
        return figure


def draw_sweep(sweeps: Mapping[str, Points], metrics: Mapping[str, Metrics]) -> Figure:
    """mIoU of the heatmaps by threshold; a dot marks the threshold in use, a ring the best one."""
    with _axes(SIZE) as (figure, axes):
        shown = {method: points for method, points in sweeps.items() if points}
        for (method, points), colour in zip(shown.items(), colours(tuple(shown)), strict=True):
            axes.plot(*zip(*points, strict=True), color=colour, linewidth=1.5, label=method)
            heat = metrics[method]["heatmaps"]
            axes.plot([heat["threshold_best"]], [heat["miou_best"]], "o", ms=9, mfc="none", color=colour)
            axes.plot([heat["threshold_chosen"]], [heat["miou_chosen"]], "o", ms=5, color=colour)
        axes.plot([], [], "o", ms=5, color=INK, label="used")  # for the legend
        axes.plot([], [], "o", ms=9, mfc="none", color=INK, label="best for the ground-truth masks")
        axes.set(xlabel="threshold", ylabel="mIoU of the heatmaps", xlim=(0, 1))
        axes.set_ylim(bottom=0)
        axes.grid()
        names = [*shown, "used", "best for the ground-truth masks"]
        figure.legend(loc="outside upper center", ncols=legend_columns(names), columnspacing=1.2)
        return figure


def draw_confusion(confusion: Confusion) -> Figure:
    """The confusion matrix, each row as shares of its sum; with numbers if it is small."""
    side = 2.0 + 0.45 * min(len(confusion.names), NUMBERED)
    with _axes((side + 0.4, side), confusion.names) as (figure, axes):
        shares = row_shares(confusion)
        axes.pcolormesh(shares, cmap="Blues", vmin=0, vmax=1, edgecolors="face")  # hides the seams
        _name_cells(axes, confusion.names)
        if len(confusion.names) <= NUMBERED:
            _number_cells(axes, shares)
        return figure


def row_shares(confusion: Confusion) -> np.ndarray:
    """float64 (L, L), each row divided by its sum; rows without a pixel are 0."""
    total = confusion.counts.sum(axis=1, keepdims=True)
    return np.asarray(confusion.counts / np.maximum(total, 1))


def _name_cells(axes: Axes, names: Sequence[str]) -> None:
    middle = np.arange(len(names)) + 0.5
    # A class may be called `$x`: no mathematics.
    axes.set_xticks(middle, names, rotation=45, ha="right", rotation_mode="anchor", parse_math=False)
    axes.set_yticks(middle, names, parse_math=False)
    axes.set(xlabel="prediction", ylabel="ground truth", aspect="equal")
    axes.invert_yaxis()
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _number_cells(axes: Axes, shares: np.ndarray) -> None:
    for (row, column), share in np.ndenumerate(shares):
        text = f"{share:.2f}".removeprefix("0") if share < 1 else "1"
        axes.text(column + 0.5, row + 0.5, text, color=on_blue(share), ha="center", va="center", fontsize=8)


def on_blue(share: float) -> str:
    """The colour of text on a cell of `Blues`. Fixed: a cell keeps its blue on a dark page."""
    return "#ffffff" if share > 0.55 else "#111111"


def draw_iou_per_class(names: Sequence[str], per_class: Mapping[str, Mapping[str, float | None]]) -> Figure:
    """IoU of the background and each class, in the order of `names`; one bar for each supervision."""
    with _axes((SIZE[0], 0.9 + 0.42 * len(names)), names) as (figure, axes):
        thick, middle = 0.8 / len(per_class), np.arange(len(names))
        for i, (model, colour) in enumerate(zip(per_class, colours(tuple(per_class)), strict=True)):
            ious = [per_class[model].get(name) or 0 for name in names]
            axes.barh(middle - 0.4 + (i + 0.5) * thick, ious, thick * 0.9, color=colour, label=model)
        axes.set_yticks(middle, names, parse_math=False)
        axes.invert_yaxis()
        axes.set(xlabel="IoU", xlim=(0, 1))
        axes.grid(axis="x")
        axes.set_axisbelow(True)
        handles = axes.get_legend_handles_labels()
        figure.legend(*handles, loc="outside upper right", ncols=legend_columns(per_class))
        return figure


def legend_columns(names: Collection[str]) -> int:
    """The most columns of a legend that fit over a figure of `SIZE`; matplotlib fills column by column."""
    for columns in range(len(names), 1, -1):
        parts = np.array_split(list(names), columns)
        if sum(max(map(len, part)) + SYMBOL for part in parts) <= LINE:
            return columns
    return 1


def colours(names: Sequence[str]) -> list[str]:
    """A colour for each name: grey for `full`, the same colours for the rest with and without `full`."""
    weak = [name for name in names if name != FULL]
    return [GREY if name == FULL else COLOURS[weak.index(name) % len(COLOURS)] for name in names]


def to_png(figure: Figure) -> bytes:
    """The figure as PNG, the same bytes at any time."""
    buffer = io.BytesIO()
    with matplotlib.rc_context(STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")  # no installed font has it: a box
        figure.savefig(buffer, format="png", dpi=130, metadata={"Software": None})
    return buffer.getvalue()


def to_svg(figure: Figure) -> str:
    """The figure as an `<svg>` element for a page, in the page's text colour and without addresses."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with matplotlib.rc_context(STYLE):
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]  # without the XML header, which a page must not repeat
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:xlink)?="[^"]*"', "", svg)  # HTML knows them
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)  # would repeat from figure to figure
    svg = re.sub(r"<style.*?</style>", "", svg, flags=re.DOTALL)  # would apply to the whole page
    svg = re.sub(r"font-family: [^;\"]*", "font-family: inherit", svg)
    return svg.replace(INK, "currentColor")
