"""Which classes there are: picked, ordered, renamed, merged, left out."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.data.classes import choose_classes
from pipeline.data.images import read_mask
from pipeline.data.inspection import write_ground_truth
from pipeline.data.sources.records import ParsedSource
from tests.data.folders import add_images, inspect, labels
from tests.image_folder import data_params, make_image_folder


def table(
    names: tuple[str, ...], classes: tuple[str, ...] | None, rename: dict[str, str | None]
) -> list[int]:
    parsed = ParsedSource(Path("labels"), names=names, classes=names)
    mapping, problems = choose_classes(parsed, data_params(classes=classes, rename=rename))
    assert problems == []
    return [int(i) for i in mapping.table()[: len(names) + 1]]


@pytest.mark.parametrize(
    ("classes", "rename", "expected"),
    [
        (None, {}, [0, 1, 2, 3]),
        (("dog", "cat", "cow"), {}, [0, 2, 3, 1]),
        (("dog",), {}, [0, 255, 255, 1]),
        (None, {"cow": "cat"}, [0, 1, 1, 2]),
        (None, {"cow": None}, [0, 1, 255, 2]),
        (None, {"cow": ""}, [0, 1, 255, 2]),
        (("Tier",), {"cat": "Tier", "dog": "Tier"}, [0, 1, 255, 1]),
        (("cow", "Katze"), {"cat": "Katze"}, [0, 2, 1, 255]),
    ],
)
def test_ids_of_masks_become_those_of_the_classes(
    classes: tuple[str, ...] | None, rename: dict[str, str | None], expected: list[int]
) -> None:
    assert table(("cat", "cow", "dog"), classes, rename) == expected


def make_animals(folder: Path) -> None:
    add_images(
        folder, *(f"{name}/{i}.jpg" for name in ("Katze", "cat", "cow", "background") for i in range(3))
    )


def test_names_are_merged_and_left_out(tmp_path: Path) -> None:
    make_animals(tmp_path)
    inspection = inspect("imagefolder", tmp_path, rename={"Katze": "cat", "cow": None})
    assert inspection.manifest is not None
    assert inspection.manifest.classes == ("cat",)
    expected = {f"{name}/{i}": ("cat",) for name in ("Katze", "cat") for i in range(3)}
    assert labels(inspection) == expected | {f"background/{i}": () for i in range(3)}
    # A cow is no background.
    assert any("3 without one: cow/0, cow/1, cow/2" in line for line in inspection.warnings)


def test_names_that_the_data_do_not_have_are_a_warning(tmp_path: Path) -> None:
    make_animals(tmp_path)
    inspection = inspect("imagefolder", tmp_path, rename={"Katz": "cat"})
    assert any("got Katz. Did you mean Katze?" in line for line in inspection.warnings)


def test_a_class_that_nothing_shows_is_an_error(tmp_path: Path) -> None:
    make_animals(tmp_path)
    inspection = inspect("imagefolder", tmp_path, classes=("cat", "horse"))
    assert "params" not in inspection.errors[0]
    assert "expected an image of each class in train, got none of 'horse'" in inspection.errors[0]


def test_csv_with_classes_txt_is_picked_and_ordered(tmp_path: Path) -> None:
    folder = make_image_folder(tmp_path / "images")
    (folder / "classes.txt").write_text("disc\nsquare\ntriangle\n")
    whole = inspect("csv", folder)
    inspection = inspect("csv", folder, classes=("triangle", "disc"))
    write_ground_truth(whole, tmp_path / "whole")
    write_ground_truth(inspection, tmp_path / "some")
    assert inspection.manifest is not None
    assert inspection.errors == ()
    new = np.array([0, 2, 255, 1] + [255] * 252)  # disc is 2 now, squares are ignored, triangle is 1
    for sample in inspection.manifest.samples:
        old = read_mask(tmp_path / "whole" / f"{sample.name}.png")
        np.testing.assert_array_equal(read_mask(tmp_path / "some" / f"{sample.name}.png"), new[old])
    assert all("square" not in names for names in labels(inspection).values())


def test_csv_with_masks_needs_the_order_of_their_ids_for_new_names(tmp_path: Path) -> None:
    folder = make_image_folder(tmp_path / "images")
    inspection = inspect("csv", folder, rename={"disc": "ring"})
    assert "classes.txt: expected it beside masks/ where data.rename is used" in inspection.errors[0]
    (folder / "classes.txt").write_text("disc\nsquare\ntriangle\n")
    inspection = inspect("csv", folder, rename={"disc": "ring"})
    assert inspection.errors == ()
    assert inspection.manifest is not None
    assert inspection.manifest.classes == ("ring", "square", "triangle")


def test_csv_labels_can_be_left_out_by_name(tmp_path: Path) -> None:
    folder = make_image_folder(tmp_path / "images", masks=False)
    assert "got 'disc'" in inspect("csv", folder, classes=("square", "triangle")).errors[0]
    inspection = inspect("csv", folder, classes=("square", "triangle"), rename={"disc": None})
    assert inspection.errors == ()
    assert all("disc" not in names for names in labels(inspection).values())
