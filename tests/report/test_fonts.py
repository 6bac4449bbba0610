"""Names in scripts that matplotlib's own font lacks."""

import numpy as np
from matplotlib.font_manager import FontProperties, findfont, get_font

from pipeline.commands.class_chart import draw_overview
from pipeline.report.fonts import families_for
from pipeline.report.plots import to_png

WATCH = "\u231a"  # not in DejaVu Sans; another font that comes with matplotlib has it
NOWHERE = "\U0010fffd"  # for private use: in no font


def has_watch(family: str) -> bool:
    return ord(WATCH) in get_font(findfont(FontProperties(family=[family]))).get_charmap()


def test_nothing_is_added_for_what_the_default_font_has() -> None:
    assert families_for(["cat", "čáp"]) == families_for([])


def test_the_font_that_has_a_character_is_added() -> None:
    default, *added = families_for(["cat", WATCH])
    assert not has_watch(default)
    assert any(map(has_watch, added))


def test_what_no_font_has_ends_the_search() -> None:
    assert families_for([NOWHERE]) == families_for([])


def test_the_overview_draws_every_character() -> None:
    samples = [(f"b{WATCH}", np.zeros((8, 12, 3), np.uint8))]
    figure = draw_overview([f"a{WATCH}"], {"train": np.array([1])}, np.array([[1]]), samples)
    assert to_png(figure)  # a missing character would warn, and warnings are errors here
