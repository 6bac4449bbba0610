"""Heat and masks over images, and the tiles made of them."""

import matplotlib
import numpy as np
import pytest

from pipeline.formats.palette import voc_palette
from pipeline.report.overlay import HEAT_OPACITY, MASK_OPACITY, draw_heat, draw_mask, outlines
from pipeline.report.panel import CAPTION, GAP, draw_panel
from pipeline.report.tiles import LONG_SIDE, Tile, heat_tiles, shrink_image, shrink_mask, threshold_tile


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3)).astype(np.uint8)


def grey(value: int, height: int = 30, width: int = 40) -> np.ndarray:
    return np.full((height, width, 3), value, np.uint8)


def test_no_heat_shows_the_image() -> None:
    image = noise(5, 7)
    heat = np.zeros((5, 7), np.float32)
    heat[2, 3] = 1
    drawn = draw_heat(image, heat)
    np.testing.assert_array_equal(drawn[heat == 0], image[heat == 0])
    hottest = np.array(matplotlib.colormaps["inferno"](1.0)[:3]) * 255
    np.testing.assert_array_equal(
        drawn[2, 3], np.rint(image[2, 3] * (1 - HEAT_OPACITY) + hottest * HEAT_OPACITY)
    )


def test_more_heat_hides_more_of_the_image() -> None:
    heat = np.linspace(0, 1, 40, dtype=np.float32)[None].repeat(30, 0)
    difference = np.abs(draw_heat(grey(0), heat).astype(int) - draw_heat(grey(255), heat)).sum(2)[0]
    assert np.all(np.diff(difference) <= 0)
    assert difference[0] == 3 * 255


@pytest.mark.parametrize("label", [1, 2, 20])
def test_labels_have_the_colours_of_voc(label: int) -> None:
    mask = np.zeros((30, 40), np.uint8)
    mask[10:20, 10:30] = label
    drawn = draw_mask(grey(100), mask)
    colour = voc_palette()[label].astype(float)
    np.testing.assert_array_equal(drawn[15, 20], np.rint(100 * (1 - MASK_OPACITY) + colour * MASK_OPACITY))
    np.testing.assert_array_equal(drawn[10, 20], colour)  # the outline is opaque
    np.testing.assert_array_equal(drawn[8, 20], [100, 100, 100])  # the background shows the image


def test_open_pixels_are_white_stripes() -> None:
    mask = np.zeros((30, 40), np.uint8)
    mask[:, 20:] = 255
    drawn = draw_mask(grey(0), mask)
    assert not drawn[:, :20].any()
    assert set(np.unique(drawn[:, 20:])) == {89, 230}  # 0.35 and 0.9 of 255, rounded
    assert np.ptp(drawn, axis=2).max() == 0  # no hue


def test_outlines_are_where_ids_meet() -> None:
    mask = np.zeros((9, 12), np.uint8)
    mask[:, 6:] = 2
    np.testing.assert_array_equal(outlines(mask), np.tile(np.isin(np.arange(12), [4, 5, 6, 7]), (9, 1)))


def test_tiles_have_one_size_and_pick_ids() -> None:
    mask = np.zeros((50, 100), np.uint8)
    mask[:, 50:] = 200
    small = shrink_mask(mask)
    assert small.shape == shrink_image(noise(50, 100)).shape[:2] == (LONG_SIDE // 2, LONG_SIDE)
    assert set(np.unique(small)) == {0, 200}


def test_heat_tile_shows_the_strongest_class() -> None:
    image = grey(0, 8, 12)
    stored = np.zeros((2, 2, 3), np.uint8)
    stored[0, :, 0] = 255
    stored[1, :, 2] = 255
    (tile,) = heat_tiles(image, {"cam": stored})
    assert tile.caption == "heatmap cam"
    np.testing.assert_array_equal(tile.image[:, 0], tile.image[:, -1])
    assert tile.image[0, 0].sum() > tile.image[0, 6].sum()
    # A background image has no heatmaps.
    np.testing.assert_array_equal(heat_tiles(image, {"cam": np.zeros((0, 1, 1), np.uint8)})[0].image, image)


def test_cut_heat_uses_the_threshold_and_the_labels() -> None:
    stored = np.array([[[100, 100]], [[0, 200]]], np.uint8)  # 0.39, 0.39; 0, 0.78
    image = grey(0, 2, 8)
    assert threshold_tile(image, stored, (4, 1), 0.3)[0, [0, -1]].tolist() == [5, 2]
    assert threshold_tile(image, stored, (4, 1), 0.5)[0, [0, -1]].tolist() == [0, 2]


def test_panel_is_a_captioned_row() -> None:
    red, blue = grey(0, 160, 320), grey(0, 160, 320)
    red[..., 0], blue[..., 2] = 255, 255
    panel = draw_panel([Tile("one", red), Tile("two", blue)])
    assert panel.shape == (100 + CAPTION + 2 * GAP, 2 * 200 + 3 * GAP, 3)  # 0.625 of 160 x 320
    np.testing.assert_array_equal(panel[CAPTION + GAP + 50, GAP + 100], [255, 0, 0])
    np.testing.assert_array_equal(panel[CAPTION + GAP + 50, 2 * GAP + 300], [0, 0, 255])
    captions = panel[GAP : GAP + CAPTION]
    assert captions[:, GAP:208].min() < 100  # letters on white
    assert captions[:, 216:].min() < 100


def test_narrow_tiles_leave_room_for_their_captions() -> None:
    narrow = Tile("a caption of many letters", grey(0, 320, 40))
    panel = draw_panel([narrow, narrow])
    columns = (panel[CAPTION + GAP + 50] == 0).all(1)
    starts = np.flatnonzero(np.diff(columns.astype(int)) == 1) + 1
    assert starts[1] - starts[0] > 100
