"""Values that may mean `no data` without a tag that says so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from pipeline.data.inspection import inspect_folder
from pipeline.data.pixels.far_values import far_values
from pipeline.data.pixels.intensity import summary_of
from pipeline.data.pixels.stored import StoredValues
from tests.image_folder import data_params

ImageFolder = Callable[..., Path]
RAMP = np.linspace(300, 2500, 40 * 60).reshape(40, 60)


def far_in(*images: np.ndarray) -> list[tuple[float, tuple[float, float], tuple[int, ...]]]:
    summaries = [summary_of(StoredValues(np.atleast_3d(image))) for image in images]
    return [(far.value, far.others, far.images) for far in far_values(summaries)]


def with_hole(value: float, rows: int = 4, dtype: Any = np.float64) -> np.ndarray:
    image = RAMP.copy()
    image[:rows] = value
    return image.astype(dtype)


@pytest.mark.parametrize(
    ("value", "dtype"),
    [(-9999, np.int16), (-32768, np.int16), (65535, np.uint16), (-9999, np.float32), (1e20, np.float32)],
)
def test_a_far_and_frequent_value_is_found(value: float, dtype: Any) -> None:
    image = with_hole(value, dtype=dtype)
    others = (float(image[4:].min()), float(image[4:].max()))
    assert far_in(RAMP.astype(dtype), image) == [(float(dtype(value)), (float(dtype(300)), others[1]), (1,))]


@pytest.mark.parametrize(
    ("image", "why"),
    [
        (with_hole(0), "black"),
        (with_hole(-200), "near"),
        (RAMP, "a ramp"),
        (np.where(np.arange(2400).reshape(40, 60) < 1, -9999, RAMP), "rare: the range has no use for it"),
        (np.where(RAMP > 1000, 65535, 7), "two values"),
        (np.full((40, 60), -9999.0), "one value"),
    ],
)
def test_other_values_are_light(image: np.ndarray, why: str) -> None:
    assert far_in(image) == [], why


@pytest.mark.parametrize(
    ("value", "rows", "count", "found"),
    [
        (-200, 4, 3, True),
        (3000, 4, 3, True),
        (-200, 4, 2, False),  # a lens may have one
        (2800, 1, 3, True),
        (100, 4, 3, False),
        (0, 4, 3, False),
    ],
)
def test_a_value_of_several_images_need_not_be_as_far(
    value: float, rows: int, count: int, found: bool
) -> None:
    images = [with_hole(value, rows)] * count + [RAMP]
    assert [(far[0], far[2]) for far in far_in(*images)] == ([(value, tuple(range(count)))] if found else [])
    rare = np.where(np.arange(2400).reshape(40, 60) < 12, value, RAMP)  # half a percent
    assert far_in(*[rare] * count, RAMP) == []


def test_the_set_decides_and_both_ends_count() -> None:
    flat = np.where(RAMP > 2400, 900.0, np.clip(RAMP, 300, 310))
    assert len(far_in(flat)) == 1
    assert far_in(flat, RAMP) == []
    assert far_in(np.full((40, 60), -9999.0), RAMP) == [(-9999, (300, 2500), (0,))]
    colours = np.stack([RAMP, RAMP, with_hole(-9999)], axis=-1)
    assert far_in(colours) == [(-9999, (300, 2500), (0,))]


@pytest.mark.parametrize("setting", ["auto", "image", [300, 2500], [-20000, 2500]])
def test_check_names_the_range_without_them(image_folder: ImageFolder, setting: Any) -> None:
    folder = image_folder("photos")
    files = sorted((folder / "images").iterdir())
    for number, file in enumerate(files):
        hole = with_hole(-9999, dtype=np.int16) if number % 2 else RAMP.astype(np.int16)
        tifffile.imwrite(file, hole, photometric="minisblack")
    data = data_params(intensity=setting)
    lines = [line for line in inspect_folder("csv", folder, data, 0).warnings if "-9999" in line]
    if setting == [300, 2500]:
        assert lines == []
    else:
        (line,) = lines
        assert f"got {len(files) // 2} with many values -9999: " in line
        assert "set data.intensity: [300, 2500]" in line
