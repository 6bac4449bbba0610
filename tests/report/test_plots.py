"""The figures: what they draw, and that they come out the same."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from pipeline.commands.class_chart import draw_overview
from pipeline.report.plots import (
    GREY,
    INK,
    colours,
    draw_confusion,
    draw_iou_per_class,
    draw_losses,
    draw_sweep,
    legend_columns,
    row_shares,
    to_png,
    to_svg,
)
from pipeline.report.results import Confusion

CONFUSION = Confusion(("background", "<b>", "$x$"), np.array([[6, 2, 0], [1, 3, 0], [0, 0, 0]]))
HEAT = {"threshold_best": 0.4, "miou_best": 0.55, "threshold_chosen": 0.2, "miou_chosen": 0.5}


def test_rows_are_shares() -> None:
    # 8 background pixels in ground truth: 6/8 and 2/8; 4 of <b>: 1/4 and 3/4; none of $x$, no division by 0.
    np.testing.assert_array_equal(row_shares(CONFUSION), [[0.75, 0.25, 0], [0.25, 0.75, 0], [0, 0, 0]])


def test_confusion_has_ground_truth_in_rows_from_the_top() -> None:
    (axes,) = draw_confusion(CONFUSION).axes
    texts = {text.get_position(): text.get_text() for text in axes.texts}
    assert texts[(1.5, 0.5)] == ".25"  # column 1, row 0
    assert [label.get_text() for label in axes.get_yticklabels()] == list(CONFUSION.names)
    assert axes.yaxis_inverted()
    assert axes.get_ylabel() == "ground truth"


def test_large_confusion_has_no_numbers() -> None:
    many = Confusion(tuple(map(str, range(30))), np.eye(30, dtype=np.int64))
    assert not draw_confusion(many).axes[0].texts


def test_sweep_marks_used_and_best() -> None:
    figure = draw_sweep({"cam": [(0.1, 0.3), (0.4, 0.55)]}, {"cam": {"heatmaps": HEAT}})
    points = [np.ravel(line.get_xydata()).tolist() for line in figure.axes[0].lines]
    assert [0.4, 0.55] in points
    assert [0.2, 0.5] in points


def test_bars_are_the_scores_in_the_order_of_the_labels() -> None:
    scores = {"gradcampp": {"b": 0.5, "a": 0.25}, "full": {"a": 0.75, "b": None}}
    (axes,) = draw_iou_per_class(["b", "a"], scores).axes
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0.25, 0, 0.75]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["b", "a"]


def test_losses_are_drawn_as_given() -> None:
    (axes,) = draw_losses({"full": [(10, 2.0), (20, 1.0)]}).axes
    np.testing.assert_array_equal(axes.lines[0].get_xydata(), [[10, 2], [20, 1]])
    assert axes.lines[0].get_color() == GREY


def test_full_is_grey_and_the_weak_models_differ() -> None:
    chosen = colours(["full", "cam", "gradcampp"])
    assert chosen[0] == GREY
    assert len(set(chosen)) == 3
    assert colours(["cam", "gradcampp"]) == chosen[1:]  # the same colour with and without `full`


def test_svg_is_fit_for_a_page() -> None:
    svg = to_svg(draw_confusion(CONFUSION))
    assert svg.startswith("<svg")
    assert "http" not in svg
    assert "<style" not in svg
    assert INK not in svg
    assert "currentColor" in svg
    assert "&lt;b&gt;" in svg
    assert "<b>" not in svg
    assert ">$x$</text>" in svg  # no formula


def test_same_bytes_again() -> None:
    assert to_svg(draw_confusion(CONFUSION)) == to_svg(draw_confusion(CONFUSION))
    png = to_png(draw_confusion(CONFUSION))
    assert png == to_png(draw_confusion(CONFUSION))
    assert b"matplotlib" not in png.lower()


def test_numbers_of_the_overview_stand_out_from_their_cells() -> None:
    together = np.array([[9, 8, 1], [8, 10, 0], [1, 0, 3]])
    samples = [("image a", np.zeros((8, 12, 3), np.uint8))]
    figure = draw_overview(["a", "b", "c"], {"train": together.diagonal()}, together, samples)
    cells = next(axes for axes in figure.axes if axes.get_title() == "Images with both classes")
    (image,) = cells.images
    for text in cells.texts:
        column, row = (round(float(value)) for value in text.get_position())
        assert text.get_text() == str(together[row, column])
        blue = image.cmap(image.norm(image.get_array()[row, column]))
        brightness = np.dot(to_rgb(blue), (0.299, 0.587, 0.114))
        assert abs(np.dot(to_rgb(text.get_color()), (0.299, 0.587, 0.114)) - brightness) > 0.4


@pytest.mark.parametrize("count", [1, 2, 5])
def test_the_legend_of_the_overview_covers_no_bars(count: int) -> None:
    counts = {split: np.full(count, 9) for split in ("train", "val", "test")}
    samples = [("image a", np.zeros((8, 12, 3), np.uint8))]
    figure = draw_overview([f"class {i}" for i in range(count)], counts, np.eye(count) * 27, samples)
    to_png(figure)
    (legend,) = figure.subfigs[0].legends
    assert [text.get_text() for text in legend.get_texts()] == ["train", "val", "test"]
    assert not any(legend.get_window_extent().overlaps(axes.get_window_extent()) for axes in figure.axes)


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (("cam", "full"), 2),
        (("cam", "gradcampp", "used", "best for the ground-truth masks"), 4),
        (("cam", "gradcampp-round1", "gradcampp-round2", "used", "best for the ground-truth masks"), 2),
    ],
)
def test_legends_stay_inside_the_figure(names: tuple[str, ...], columns: int) -> None:
    assert legend_columns(names) == columns
    points = [(0.1, 0.2), (0.9, 0.4)]
    methods = [name for name in names if name.startswith(("cam", "grad"))]
    figure = draw_sweep(dict.fromkeys(methods, points), {key: {"heatmaps": HEAT} for key in methods})
    to_png(figure)
    legend = figure.legends[0].get_window_extent()
    assert legend.x0 >= 0
    assert legend.x1 <= figure.bbox.width
