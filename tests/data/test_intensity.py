"""The range of a data set against closed forms, the mapping to 8 bits against values worked out by hand."""

import numpy as np
import pytest

from pipeline.data.pixels.intensity import (
    MOST_VALUES,
    clipped_share,
    own_ranges,
    set_ranges,
    summary_of,
    to_8_bits,
    used_levels,
)
from pipeline.data.pixels.stored import StoredValues, valid_of


def stored(values: object, **rest: object) -> StoredValues:
    array = np.atleast_3d(np.asarray(values))
    return StoredValues(array, **rest)  # type: ignore[arg-type]


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32, np.float64])
@pytest.mark.parametrize(("first", "last"), [(0, 10000), (20000, 30000)])
def test_percentiles_of_a_ramp(dtype: type, first: int, last: int) -> None:
    ramp = np.random.default_rng(0).permutation(np.arange(first, last + 1)).astype(dtype).reshape(-1, 73)
    ((low, high),) = own_ranges(summary_of(stored(ramp)))
    length = last - first
    np.testing.assert_allclose([low, high], [first + 0.001 * length, last - 0.001 * length], rtol=1e-6)


def test_percentiles_of_a_set_are_those_of_all_its_values() -> None:
    random = np.random.default_rng(1)
    images = [random.normal(500 * i, 100, (120, 150)).astype(np.float32) for i in range(7)]
    together = np.concatenate([image.ravel() for image in images])
    ((low, high),) = set_ranges([summary_of(stored(image)) for image in images])
    expected = np.quantile(together, [0.001, 0.999])
    np.testing.assert_allclose([low, high], expected, atol=0.01 * (expected[1] - expected[0]))


def test_larger_images_weigh_more() -> None:
    small, large = np.full((10, 10), 5000, np.uint16), np.tile(np.arange(1000, dtype=np.uint16), (1000, 1))
    ((_, high),) = set_ranges([summary_of(stored(small)), summary_of(stored(large))])
    assert high < 1000  # the small one has 0.01 % of all values


def test_the_order_of_the_images_changes_no_bit() -> None:
    random = np.random.default_rng(2)
    summaries = [summary_of(stored(random.gamma(2, 300, (20, 30)))) for _ in range(40)]
    first = set_ranges(summaries)
    for _ in range(5):
        random.shuffle(summaries)  # type: ignore[arg-type]
        assert set_ranges(summaries) == first


def test_each_band_has_its_range_and_mixed_sets_one() -> None:
    colour = np.stack([np.linspace(a, a + 1, 10000).reshape(100, 100) for a in (0, 10, 20)], axis=-1)
    ranges = own_ranges(summary_of(StoredValues(colour)))
    np.testing.assert_allclose(ranges, [(0.001, 0.999), (10.001, 10.999), (20.001, 20.999)], atol=1e-9)
    mixed = set_ranges([summary_of(StoredValues(colour)), summary_of(stored(colour[..., 1]))])
    assert len(mixed) == 1
    np.testing.assert_allclose(mixed[0], (0.004, 20.996), atol=0.01)


def test_values_map_to_8_bits() -> None:
    values = np.array([[-50, 0, 50, 100, 200]], np.int16)
    assert to_8_bits(stored(values), [(0, 100)])[0, :, 0].tolist() == [0, 0, 128, 255, 255]
    turned = to_8_bits(stored(values, white_is_zero=True), [(0, 100)])
    assert turned[0, :, 1].tolist() == [255, 255, 127, 0, 0]


def test_values_of_8_bits_stay() -> None:
    values = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(to_8_bits(stored(values), [(50, 60)])[..., 2], values)


@pytest.mark.parametrize(
    ("hole", "nodata"),
    [(np.nan, []), (np.inf, []), (-3.4e38, []), (3.4028235e38, []), (-9999, [-9999.0]), (0.1, [0.1])],
)
def test_what_is_no_value_is_black_and_moves_no_range(hole: float, nodata: list[float]) -> None:
    values = np.linspace(100, 200, 10000, dtype=np.float32).reshape(100, 100)
    values[:50] = hole
    image = stored(values, valid=valid_of(np.atleast_3d(values), nodata))
    ((low, high),) = own_ranges(summary_of(image))
    np.testing.assert_allclose([low, high], [150.05, 199.95], atol=0.01)
    shown = to_8_bits(image, [(low, high)])
    assert not shown[:50].any()
    assert shown[50, 0, 0] == 0
    assert shown[-1, -1, 0] == 255


@pytest.mark.parametrize(("dtype", "hole"), [(np.int16, -1000), (np.uint16, 0), (np.int32, -(2**31))])
def test_no_data_of_whole_numbers(dtype: type, hole: int) -> None:
    values = np.arange(1, 10001).reshape(100, 100).astype(dtype)
    values[0] = hole
    ((low, _),) = own_ranges(summary_of(stored(values, valid=valid_of(np.atleast_3d(values), [hole]))))
    assert low > 100


def test_transparent_values_count_for_nothing_and_are_white() -> None:
    values = np.full((4, 4), 60000, np.uint16)
    values[:2] = [[1, 2, 3, 4], [5, 6, 7, 8]]
    opacity = np.repeat(np.array([255, 255, 0, 0], np.uint8), 4).reshape(4, 4)
    image = stored(values, opacity=opacity)
    ((_, high),) = own_ranges(summary_of(image))
    assert high < 9
    assert (to_8_bits(image, [(1, 8)])[2:] == 255).all()


def test_images_without_any_value_are_black() -> None:
    empty = stored(np.full((5, 6), np.nan, np.float32), valid=np.zeros((5, 6, 1), bool))
    summary = summary_of(empty)
    assert not to_8_bits(empty, own_ranges(summary)).any()
    assert used_levels(summary, [(0, 1)]) == 0
    flat = summary_of(stored(np.full((5, 6), 7, np.uint16)))
    assert own_ranges(flat) == ((7, 8),)


def test_large_images_are_thinned_out() -> None:
    side = int(MOST_VALUES**0.5) * 2
    values = np.arange(side * side, dtype=np.uint32).reshape(side, side)
    ((low, high),) = own_ranges(summary_of(stored(values)))
    np.testing.assert_allclose([low, high], [0.001 * side**2, 0.999 * side**2], rtol=1e-3)


def test_a_window_of_all_files_is_the_range() -> None:
    one, other = (summary_of(stored([[1, 2]], window=window)) for window in ((0.0, 80.0), (0.0, 90.0)))
    assert set_ranges([one, one]) == ((0.0, 80.0),)
    assert set_ranges([one, other]) != ((0.0, 80.0),)


def test_levels_and_clipped_values() -> None:
    ramp = summary_of(stored(np.arange(10000, dtype=np.uint16).reshape(100, 100)))
    assert used_levels(ramp, [(0, 10000)]) in (255, 256)
    assert used_levels(ramp, [(0, 100000)]) == pytest.approx(26, abs=1)
    assert clipped_share(ramp, [(0, 10000)]) == 0
    assert clipped_share(ramp, [(2500, 9000)]) == pytest.approx(0.35, abs=0.12)
    few = summary_of(stored(np.tile(np.array([0, 4095], np.uint16), (10, 10))))
    assert used_levels(few, [(0, 4095)]) == 2
