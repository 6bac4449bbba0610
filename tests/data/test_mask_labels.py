"""The classes in masks, for folders in which nothing else names them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.mask_labels import MaskLabels, labels_in_masks
from pipeline.data.problem_lists import BadEntry
from pipeline.formats.palette import Colour
from tests.data.test_mask_encoding import ONE, SIZE, TWO, Save, coloured, grey, ids_of
from tests.image_folder import data_params


def read(
    tmp_path: Path, labels: Sequence[Sequence[int]], save: Save, table: dict[Colour, int] | None = None
) -> MaskLabels:
    for i, ids in enumerate(labels):
        save(tmp_path / f"{i}.png", ids_of(ids, i % 3))
    names = [f"{i}.png" for i in range(len(labels))]
    return labels_in_masks(tmp_path, names, (), table, data_params())


@pytest.mark.parametrize(
    ("save", "value"),
    [
        (grey(0, 255), "255"),
        (grey(0, 1), "1"),
        (grey(1, 2), "2"),
        (coloured((0, 0, 0), (255, 255, 255)), "255"),
        (coloured((0, 0, 0), (255, 0, 0)), "255,0,0"),
    ],
)
def test_one_class(save: Save, value: str, tmp_path: Path) -> None:
    assert read(tmp_path, ONE, save) == MaskLabels((value,), tuple(map(tuple, ONE)))


@pytest.mark.parametrize(("save", "values"), [(grey(0, 1, 2), "12"), (grey(0, 40, 90), ("40", "90"))])
def test_two_classes(save: Save, values: Sequence[str], tmp_path: Path) -> None:
    expected = MaskLabels(tuple(values), tuple(tuple(sorted(ids)) for ids in TWO))
    assert read(tmp_path, TWO, save) == expected


def test_many_numbers_are_objects_of_one_class(tmp_path: Path) -> None:
    def save(file: Path, mask: np.ndarray) -> None:
        values = np.zeros(SIZE, np.uint8)
        for number in range(1, 2 + int(file.stem)):
            values[4 * number : 4 * number + 3, 5:50] = number * mask.any()
        Image.fromarray(values).save(file)

    assert read(tmp_path, ONE, save) == MaskLabels(("1",), tuple(map(tuple, ONE)))


def test_small_pieces_with_many_numbers_are_no_soft_edge(tmp_path: Path) -> None:
    def save(file: Path, mask: np.ndarray) -> None:
        values = np.arange(SIZE[0] * SIZE[1]).reshape(SIZE) % (31 + int(file.stem)) * mask.any()
        values[8:30, 5:40] = 3 * mask.any()
        Image.fromarray(values.astype(np.uint8)).save(file)

    assert read(tmp_path, ONE, save).ids == tuple(map(tuple, ONE))


def test_colours_need_names(tmp_path: Path) -> None:
    colours = [(60, 16, 152), (132, 41, 246), (110, 193, 228)]
    with pytest.raises(BadEntry, match="got the colours 60,16,152"):
        read(tmp_path, TWO, coloured(*colours))
    table = dict(zip(colours, (0, 1, 2), strict=True))
    assert read(tmp_path, TWO, coloured(*colours), table).ids == tuple(tuple(sorted(ids)) for ids in TWO)


def test_a_mask_that_cannot_be_read_shows_nothing(tmp_path: Path) -> None:
    for i in range(3):
        grey(0, 255)(tmp_path / f"{i}.png", ids_of([1]))
    (tmp_path / "1.png").write_bytes(b"no mask")
    names = ["0.png", "1.png", "2.png", "../3.png"]
    first, broken, third, outside = labels_in_masks(tmp_path, names, (), None, data_params()).ids
    assert first == third == (1,)
    assert str(broken).startswith("cannot be read as an image: ")
    assert "leaves the folder" in str(outside)
