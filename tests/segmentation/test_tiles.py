"""Tiles: every pixel once, no seams, and no tile larger than it may be."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.segmentation.tiles import predict_tiled, smooth_window, spans


def colours(image: np.ndarray) -> np.ndarray:
    """Each pixel's own colours as probabilities: what tiles say cannot depend on where they lie."""
    return (image / 255).astype(np.float32).transpose(2, 0, 1)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60), st.integers(8, 30))
def test_what_depends_on_the_pixel_alone_comes_out_as_without_tiles(
    seed: int, height: int, width: int, tile: int
) -> None:
    # Distinct levels in each pixel: rounding cannot make a tie.
    levels = np.random.default_rng(seed).permuted(np.tile([0, 90, 255], (height, width, 1)), axis=2)
    sizes = []

    def seen(image: np.ndarray) -> np.ndarray:
        sizes.append(image.shape[:2])
        return colours(image)

    mask = predict_tiled(seen, levels.astype(np.uint8), tile)
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, levels.argmax(2))
    assert max(max(size) for size in sizes) <= tile


def test_between_two_tiles_the_nearer_one_weighs_more() -> None:
    # Two tiles of 8 rows on 14: rows 6 and 7 are shared. The first tile is sure of label 1, the second of 2.
    calls = iter([0.9, 0.1])

    def opinion(image: np.ndarray) -> np.ndarray:
        share = next(calls)
        one = np.full(image.shape[:2], share, np.float32)
        return np.stack([np.zeros_like(one), one, 1 - one])

    mask = predict_tiled(opinion, np.zeros((14, 5, 3), np.uint8), 8)
    assert mask[:7].tolist() == [[1] * 5] * 7
    assert mask[7:].tolist() == [[2] * 5] * 7


def test_tiles_by_hand() -> None:
    # 20 pixels in tiles of 8 that share at least 2: steps of at most 6, so 3 tiles
    assert [(span.start, span.stop) for span in spans(20, 8)] == [(0, 8), (6, 14), (12, 20)]
    assert [(span.start, span.stop) for span in spans(5, 8)] == [(0, 5)]
    with pytest.raises(ValueError, match="Expected tiles of at least 8 pixels, got 7"):
        spans(20, 7)


@given(st.integers(1, 500), st.integers(8, 90))
def test_tiles_cover_the_side_and_overlap(side: int, tile: int) -> None:
    tiles = spans(side, tile)
    assert tiles[0].start == 0
    assert tiles[-1].stop == side
    assert all(span.stop - span.start == len(span.window) <= tile for span in tiles)
    for one, two in pairwise(tiles):
        assert one.start < two.start
        assert one.stop - two.start >= tile // 4


def test_windows_add_up_to_1() -> None:
    window = smooth_window(20, 5)
    assert window.min() > 0
    assert (window[5:15] == 1).all()
    assert np.allclose(window[:5] + window[-5:], 1)
    assert (np.diff(window[:6]) > 0).all()
    assert np.array_equal(window, window[::-1])
