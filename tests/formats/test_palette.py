"""Ids of masks in colours, against a look-up pixel by pixel."""

import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.formats.palette import ids_of_colours, voc_colours, voc_palette


def test_the_first_colours_of_voc() -> None:
    # aeroplane dark red, bicycle dark green, bird olive; 255, the border, light grey
    assert voc_colours()[:4] == [(0, 0, 0), (128, 0, 0), (0, 128, 0), (128, 128, 0)]
    assert voc_colours()[255] == (224, 224, 192)
    assert len(set(voc_colours())) == 256


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 9), st.integers(1, 30))
def test_against_a_look_up_of_each_pixel(seed: int, height: int, width: int, known: int) -> None:
    rng = np.random.default_rng(seed)
    colours = rng.integers(0, 256, (40, 3)).astype(np.uint8)
    colours[:2] = [[0, 0, 0], [255, 255, 255]]  # the ends of the order
    order = rng.permutation(40)
    table = {tuple(colours[i].tolist()): int(rng.integers(256)) for i in order[:known]}
    image = colours[rng.integers(0, 40, (height, width))]
    expected = [[table.get(tuple(pixel), -1) for pixel in row] for row in image.tolist()]
    assert ids_of_colours(image, table).tolist() == expected


def test_every_id_comes_back() -> None:
    ids = np.arange(256).reshape(8, 32)
    table = {colour: i for i, colour in enumerate(voc_colours())}
    np.testing.assert_array_equal(ids_of_colours(voc_palette()[ids], table), ids)


def test_a_small_mask_takes_little_memory() -> None:
    table = {colour: i for i, colour in enumerate(voc_colours())}
    image = voc_palette()[np.arange(12).reshape(3, 4)]
    tracemalloc.start()
    try:
        ids_of_colours(image, table)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200_000  # a table of all colours takes 32 MB
