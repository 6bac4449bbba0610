"""MATLAB files as scipy writes them, files by hand, and broken ones."""

import io
import struct

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.io import savemat

from pipeline.formats.mat_file import ArrayError, read_matrices

LIMIT = 10**6
PICTURE = np.arange(12).reshape(3, 4)


def written(content: dict[str, object], **options: object) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, content, **options)
    return buffer.getvalue()


def read(content: bytes, limit: int = LIMIT) -> dict[str, np.ndarray]:
    return dict(read_matrices(content, limit))


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8", "?"])
def test_against_what_scipy_writes(kind: str, compressed: bool) -> None:
    array = (PICTURE % 5).astype(kind)
    (found,) = read(written({"mask": array}, do_compression=compressed)).values()
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


def test_structs_and_cells_give_names_with_dots() -> None:
    cells = np.empty((1, 2), object)
    cells[0, 0], cells[0, 1] = PICTURE + 1, PICTURE + 2
    content = {"truth": {"Segmentation": PICTURE, "deep": {"Boundaries": PICTURE * 2}}, "cells": cells}
    found = list(read_matrices(written(content, do_compression=True), LIMIT))
    named = [(name, int(array.max())) for name, array in found]
    structs = [("truth.Segmentation", 11), ("truth.deep.Boundaries", 22)]
    assert named == [*structs, ("cells{1}", 12), ("cells{2}", 13)]
    assert all(array.shape == (3, 4) for _, array in found)


def test_several_items_of_a_struct_keep_their_fields_apart() -> None:
    items = np.zeros((1, 2), [("a", object), ("b", object)])
    for i in range(2):
        items[0, i] = (PICTURE + 10 * i, PICTURE.T)
    found = [(n, array.shape, int(array[0, 0])) for n, array in read_matrices(written({"s": items}), LIMIT)]
    ones, twos = (
        [("s(1).a", (3, 4), 0), ("s(1).b", (4, 3), 0)],
        [("s(2).a", (3, 4), 10), ("s(2).b", (4, 3), 0)],
    )
    assert found == ones + twos


@pytest.mark.parametrize(
    ("people", "names"),
    [(1, ["truth.Seg"]), (3, ["truth{1}.Seg", "truth{2}.Seg", "truth{3}.Seg"])],
)
def test_masks_of_several_people_in_a_cell_have_names_of_their_own(people: int, names: list[str]) -> None:
    cells = np.empty((1, people), object)
    for i in range(people):
        cells[0, i] = {"Seg": PICTURE + i}
    found = read(written({"truth": cells}))
    assert [(name, int(array.min())) for name, array in found.items()] == list(
        zip(names, range(people), strict=True)
    )


def test_text_complex_and_sparse_matrices_are_passed_over() -> None:
    content = {"words": "abc", "complex": PICTURE * 1j, "mask": PICTURE, "empty": np.zeros((0, 3))}
    assert {name: array.shape for name, array in read(written(content)).items()} == {
        "mask": (3, 4),
        "empty": (0, 3),
    }


def test_the_order_of_bytes_is_that_of_the_file() -> None:
    # By hand: a 2 x 3 matrix of class uint16 with the values 1 to 6, column by column, high bytes first.
    matrix = (
        struct.pack(">IIII", 6, 8, 11, 0)
        + struct.pack(">IIii", 5, 8, 2, 3)
        + struct.pack(">HH4s", 1, 1, b"m\0\0\0")
        + struct.pack(">II6H4x", 4, 12, 1, 2, 3, 4, 5, 6)
    )
    content = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI" + struct.pack(">II", 14, len(matrix)) + matrix
    assert read(content)["m"].tolist() == [[1, 3, 5], [2, 4, 6]]


def test_other_versions_are_named() -> None:
    with pytest.raises(ArrayError, match=r"is of MATLAB 7\.3"):
        read(b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM")
    with pytest.raises(ArrayError, match="is no file of MATLAB 5 to 7"):
        read(written({"mask": PICTURE}, format="4"))


def test_what_unpacks_to_too_much_is_refused() -> None:
    bomb = written({"a": np.zeros((2000, 2000)), "b": np.zeros((2000, 2000))}, do_compression=True)
    assert len(bomb) < LIMIT
    with pytest.raises(ArrayError, match="unpacks to more"):
        read(bomb)


def test_matrices_within_each_other_have_an_end() -> None:
    inner: object = PICTURE
    for _ in range(40):
        inner = {"a": inner}
    with pytest.raises(ArrayError, match="within each other"):
        read(written({"a": inner}))


WHOLE = written({"truth": {"Segmentation": PICTURE.astype(np.uint8)}, "other": PICTURE * 0.5})


@given(st.integers(0, len(WHOLE)), st.binary(max_size=8), st.booleans())
def test_broken_files_are_refused_or_read(place: int, bytes_in: bytes, cut: bool) -> None:
    broken = WHOLE[:place] + (b"" if cut else bytes_in + WHOLE[place + len(bytes_in) :])
    try:
        arrays = read(broken)
    except ArrayError:
        return
    assert all(array.size < 1000 for array in arrays.values())
