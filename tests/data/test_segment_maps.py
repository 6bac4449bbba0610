"""Segment maps of other tools: formats, sizes, and what is said of missing ones."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.images import ImageError
from pipeline.data.manifest import Sample
from pipeline.data.segment_maps import check_segment_files, read_segments
from pipeline.errors import UserError

SAMPLE = Sample("a/b", "a/b.jpg", "", 2, 3, (0,), "train", False, False)
NUMBERS = np.array([[7, 7, 300], [0, 7, 300]])
RENUMBERED = [[1, 1, 2], [0, 1, 2]]


def write(path: Path, array: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        Image.fromarray(array).save(path)


@pytest.mark.parametrize(
    ("suffix", "array"),
    [
        (".png", NUMBERS.astype(np.uint16)),
        (".png", np.minimum(NUMBERS, 255).astype(np.uint8)),
        (".npy", NUMBERS),
        (".npy", NUMBERS.astype(np.uint16)),
        (".npy", NUMBERS - 5),
    ],
)
def test_values_become_numbers_without_gaps(tmp_path: Path, suffix: str, array: np.ndarray) -> None:
    write(tmp_path / f"a/b{suffix}", array)
    segments = read_segments(tmp_path, SAMPLE)
    assert segments.dtype == np.int64
    assert segments.tolist() == RENUMBERED


def test_a_map_of_the_image_is_shrunk_to_the_working_copy(tmp_path: Path) -> None:
    write(tmp_path / "a/b.png", NUMBERS.repeat(4, 0).repeat(4, 1).astype(np.uint16))
    copied = replace(SAMPLE, original_height=8, original_width=12)
    assert read_segments(tmp_path, copied).tolist() == RENUMBERED
    write(tmp_path / "a/b.png", NUMBERS.astype(np.uint16))  # ... or it has the size of the copy
    assert read_segments(tmp_path, copied).tolist() == RENUMBERED


def test_another_size_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "a/b.npy", NUMBERS.T)
    with pytest.raises(UserError, match=r"b\.npy: expected 2 x 3 pixels .* got 3 x 2"):
        read_segments(tmp_path, SAMPLE)


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    np.save(tmp_path / "a/b.npy", np.array([[{}, {}, {}], [{}, {}, {}]]), allow_pickle=True)
    with pytest.raises(ImageError, match=r"b\.npy"):
        read_segments(tmp_path, SAMPLE)


def test_fractions_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a/b.npy", NUMBERS / 2)
    with pytest.raises(ImageError, match=r"b\.npy: expected whole numbers"):
        read_segments(tmp_path, SAMPLE)


def test_missing_maps_are_named(tmp_path: Path) -> None:
    write(tmp_path / "a/b.png", NUMBERS.astype(np.uint16))
    others = [replace(SAMPLE, name=name) for name in ("a/c", "d")]
    check_segment_files(tmp_path, [SAMPLE])
    with pytest.raises(UserError, match=r"got none for 2: a/c, d\. Add them"):
        check_segment_files(tmp_path, [SAMPLE, *others])
    with pytest.raises(UserError, match=r"got none for 1: d\."):
        read_segments(tmp_path, others[1])


def test_a_name_does_not_leave_the_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError):
        read_segments(tmp_path / "maps", replace(SAMPLE, name="../x"))
