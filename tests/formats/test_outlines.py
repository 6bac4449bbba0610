"""Outlines along the edges of pixels: areas, holes, corners, against independent sums."""

import numpy as np
import pytest

from pipeline.formats.outlines import edge_outlines, pixel_outlines, region_parts


def area(ring: np.ndarray) -> float:
    x, y = ring.T.astype(float)
    return abs((x * np.roll(y, -1) - np.roll(x, -1) * y).sum()) / 2


def inside(ring: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """The pixels whose middle lies within a ring, by the even-odd rule."""
    rows, columns = np.mgrid[: shape[0], : shape[1]] + 0.5
    hit = np.zeros(shape, bool)
    for (x1, y1), (_, y2) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        if y1 != y2:  # lines run along rows and columns
            hit ^= ((rows > min(y1, y2)) & (rows < max(y1, y2))) & (columns < x1)
    return hit


@pytest.mark.parametrize("seed", range(12))
def test_edges_hold_the_pixels_and_no_others(seed: int) -> None:
    rng = np.random.default_rng(seed)
    region = rng.random(rng.integers(1, 16, 2)) < rng.uniform(0.2, 0.9)
    drawn, total = np.zeros_like(region), 0.0
    for outer, holes in edge_outlines(region):
        drawn ^= inside(outer, region.shape)
        total += area(outer) - sum(map(area, holes))
        for hole in holes:
            drawn ^= inside(hole, region.shape)
        for ring in (outer, *holes):
            assert len({tuple(point) for point in ring.tolist()}) == len(ring), "a line touches itself"
            assert not (np.diff(ring, axis=0) != 0).all(axis=1).any(), "a line leaves the edges"
    np.testing.assert_array_equal(drawn, region)
    assert total == region.sum()


@pytest.mark.parametrize(
    ("region", "outlines", "holes"),
    [
        ([[1]], 1, 0),
        ([[1, 0], [0, 1]], 2, 0),
        ([[1, 1, 1], [1, 0, 1], [1, 1, 1]], 1, 1),
        ([[1, 1, 1, 1], [1, 0, 1, 1], [1, 1, 0, 1], [1, 1, 1, 1]], 1, 2),
        ([[1, 0, 1], [0, 0, 0], [1, 0, 1]], 4, 0),
        ([[0, 0], [0, 0]], 0, 0),
    ],
)
def test_parts_and_holes_by_hand(region: list[list[int]], outlines: int, holes: int) -> None:
    found = edge_outlines(np.array(region, bool))
    assert len(found) == outlines
    assert sum(len(outline.holes) for outline in found) == holes


@pytest.mark.parametrize(("corners", "count"), [(True, 2), (False, 4)])
def test_parts_lie_where_they_were(corners: bool, count: int) -> None:
    region = np.zeros((9, 11), bool)
    region[1, 2] = region[2, 3] = region[7, 8] = region[8, 9] = True
    back, parts = np.zeros_like(region), list(region_parts(region, corners=corners))
    for part, left, top in parts:
        back[top : top + part.shape[0], left : left + part.shape[1]] |= part
    assert len(parts) == count
    np.testing.assert_array_equal(back, region)


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (4, 2)])
def test_middles_are_half_a_pixel_within_the_edges(shape: tuple[int, int]) -> None:
    region = np.pad(np.ones(shape, bool), 2)
    (middle,), (edge,) = pixel_outlines(region), edge_outlines(region)
    np.testing.assert_array_equal(middle.outer.min(0) + 0.5, edge.outer.min(0) + 0.5)
    np.testing.assert_array_equal(middle.outer.max(0) + 0.5, edge.outer.max(0) - 0.5)
