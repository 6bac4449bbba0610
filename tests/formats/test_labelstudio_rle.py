"""The brush of Label Studio: by hand, against what it wrote itself, and an independent reader of the bits."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.formats.labelstudio_rle import BrushError, draw_brush, encode_brush
from tests.export.test_labelstudio import decode

SIZES = (1, 3, 4, 8)  # bits of a length, unlike those that camseg writes


def pack(bits: str) -> list[int]:
    whole = bits.ljust(-(-len(bits) // 8) * 8, "0")
    return [int(whole[i : i + 8], 2) for i in range(0, len(whole), 8)]


def header(count: int, word: int = 8) -> str:
    return f"{count:032b}{word - 1:05b}" + "".join(f"{size - 1:04b}" for size in SIZES)


def test_what_label_studio_wrote_itself() -> None:
    # A 2 x 3 mask with pixels 1, 2 and 5 (row by row), encoded by label-studio-converter 0.0.59.
    written = [0, 0, 0, 24, 57, 27, 252, 96, 19, 255, 206, 1, 31, 248]
    assert draw_brush(written, (2, 3)).tolist() == [[False, True, True], [False, False, True]]


def test_bits_by_hand() -> None:
    # 1 x 2 pixels. A run of 3 equal values: 1, size 1 of 3 bits, length - 1 = 2, value 200; then a run of 5
    # values that differ: 0, size 2 of 4 bits, length - 1 = 4, values 127, 255, 255, 255, 128.
    values = "".join(f"{value:08b}" for value in (127, 255, 255, 255, 128))
    bits = header(8) + "1" + "01" + "010" + f"{200:08b}" + "0" + "10" + "0100" + values
    # Opacity is the last of four: 127 of the first pixel, less than half, and 128 of the second.
    assert draw_brush(pack(bits), (1, 2)).tolist() == [[False, True]]


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
def test_runs_of_all_kinds_against_another_reader(seed: int, height: int, width: int) -> None:
    rng = np.random.default_rng(seed)
    count, done, bits = height * width * 4, 0, header(height * width * 4)
    while done < count:
        which = int(rng.integers(4))
        length = int(min(rng.integers(1, 2 ** SIZES[which] + 1), count - done))
        equal = int(rng.integers(2))
        values = rng.integers(0, 256, 1 if equal else length)
        bits += f"{equal}{which:02b}{length - 1:0{SIZES[which]}b}" + "".join(f"{v:08b}" for v in values)
        done += length
    expected = decode(pack(bits)).reshape(height, width, 4)[:, :, 3] >= 128
    np.testing.assert_array_equal(draw_brush(pack(bits), (height, width)), expected)


@given(st.integers(0, 2**32 - 1), st.integers(1, 60), st.integers(1, 60), st.sampled_from([0.01, 0.5, 1]))
def test_what_is_exported_comes_back(seed: int, height: int, width: int, share: float) -> None:
    region = np.random.default_rng(seed).random((height, width)) < share
    np.testing.assert_array_equal(draw_brush(encode_brush(region), (height, width)), region)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ("text", "expected a list of bytes"),
        ([0] * 200, "expected a list of bytes, not longer than the image needs"),
        ([0, 0, 0, 256], "expected bytes 0..255, got others"),
        ([True], "expected bytes 0..255, got others"),
        ([0.0], "expected bytes 0..255, got others"),
        ([], "expected at least 32 bits, got 0"),
        (pack(header(24)), "expected 8 values of 8 bits for 1 x 2 pixels, got 24 of 8"),
        (pack(header(8, 16)), "expected 8 values of 8 bits for 1 x 2 pixels, got 8 of 16"),
        (pack(header(8)), "they are cut off"),
        (pack(header(8) + "1" + "11" + f"{8:08b}" + "0" * 8), "expected 8 values, got runs of 9"),
        (pack(header(8) + "0" + "11" + f"{255:08b}" + "0" * 80), "they are cut off"),
    ],
)
def test_what_cannot_be_drawn(values: Any, message: str) -> None:
    with pytest.raises(BrushError, match=message):
        draw_brush(values, (1, 2))
