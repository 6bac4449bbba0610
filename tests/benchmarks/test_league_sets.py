"""The sets of the league and the views of folders, as `prepare` sees them."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.league_sets import (
    VIEWS,
    LeagueSet,
    check_names,
    folder_set,
    own_options,
    view_sets,
)
from pipeline.data.inspection import inspect_folder, write_ground_truth
from pipeline.params import DataParams
from tests.image_folder import CLASSES, data_params, make_image_folder

WHOLE = LeagueSet("shapes", "/data/shapes", ("--weights", "none"))


def data_with(**changes: object) -> DataParams:
    return data_params(classes=list(CLASSES)).model_copy(update=changes)


def test_a_folder_has_the_options_of_all_and_its_own_last(tmp_path: Path) -> None:
    folder = tmp_path / "cells"
    own = own_options(["cells: --no-background --classes 'a b'"], [str(folder), "scenes"])
    assert own == {"cells": ["--no-background", "--classes", "a b"]}
    expected = ("--weights", "none", "--no-background", "--classes", "a b")
    assert folder_set(str(folder), ("--weights", "none"), own) == LeagueSet("cells", str(folder), expected)
    assert folder_set("scenes", ("--weights", "none"), own) == LeagueSet("scenes", "scenes")


@pytest.mark.parametrize("text", ["--no-background", "other: --no-background", ": --no-background"])
def test_options_of_no_folder_are_refused(text: str) -> None:
    with pytest.raises(SystemExit, match=r"--use.*'cells'"):
        own_options([text], ["data/cells"])


def test_views_are_any_class_and_each_against_the_rest() -> None:
    views = {view.name: view.values for view in view_sets(WHOLE, data_with())}
    assert list(views) == ["shapes.any", "shapes.disc", "shapes.square", "shapes.triangle"]
    assert views["shapes.any"] == {
        "data.rename": dict.fromkeys(CLASSES, "object"),
        "data.classes": ["object"],
    }
    assert views["shapes.square"] == {
        "data.rename": {"disc": "background", "square": "square", "triangle": "background"},
        "data.classes": ["square"],
    }
    assert {view.options for view in view_sets(WHOLE, data_with())} == {WHOLE.options}


def test_one_class_has_no_views() -> None:
    assert view_sets(WHOLE, data_with(classes=("disc",))) == []
    assert view_sets(WHOLE, data_with(classes=None)) == []


def test_views_keep_what_was_renamed_and_left_out() -> None:
    data = data_with(classes=("round", "square"), rename={"disc": "round", "o": "round", "triangle": None})
    views = {view.name: view.values["data.rename"] for view in view_sets(WHOLE, data)}
    assert views["shapes.round"] == {
        "round": "round",
        "square": "background",
        "disc": "round",
        "o": "round",
        "triangle": None,
    }
    assert views["shapes.any"]["disc"] == "object"  # type: ignore[index]


def test_names_of_classes_become_names_of_files() -> None:
    names = [view.name for view in view_sets(WHOLE, data_with(classes=("a b", "c/d")))]
    assert names == ["shapes.any", "shapes.a_b", "shapes.c_d"]


def test_sets_that_would_share_files_are_refused() -> None:
    check_names([LeagueSet("a", "x"), LeagueSet("b", "y")])
    with pytest.raises(SystemExit, match=r"several: a$"):
        check_names([LeagueSet("a", "x"), LeagueSet("b", "y"), LeagueSet("a", "z")])
    with pytest.raises(SystemExit, match=r"several: shapes\.a_b"):
        check_names(view_sets(WHOLE, data_with(classes=("a b", "a/b"))))


def test_a_listed_view_that_the_folder_lacks_is_refused() -> None:
    with pytest.raises(SystemExit, match="'miner'"):
        view_sets(LeagueSet("coffee-leaf", "x"), data_with())


def test_the_listed_views_make_fifteen_sets() -> None:
    folders = {"coffee-leaf", "satellite", "voc-animals", "road-crack"}
    assert len(folders) + sum(map(len, VIEWS.values())) == 15
    assert set(VIEWS) < folders


@pytest.mark.parametrize("view", ["any", *CLASSES])
def test_prepare_sees_a_view_as_images_and_masks_with_one_class(tmp_path: Path, view: str) -> None:
    folder = make_image_folder(tmp_path / "shapes")
    (folder / "classes.txt").write_text("\n".join(CLASSES))
    before = inspect_folder("csv", folder, data_params(), 0).manifest
    assert before is not None
    values = next(v for v in view_sets(WHOLE, data_with()) if v.name.endswith(view)).values
    changes = {key.removeprefix("data."): value for key, value in values.items()}
    found = inspect_folder("csv", folder, data_params(**changes), 0)
    assert found.manifest is not None, found.errors
    assert found.manifest.classes == ("object" if view == "any" else view,)
    wanted = range(3) if view == "any" else [CLASSES.index(view)]
    labels = {s.name: (0,) if set(s.labels) & set(wanted) else () for s in before.samples}
    assert {s.name: s.labels for s in found.manifest.samples} == labels
    assert len(set(labels.values())) == 2, "some images show the class, some do not"
    write_ground_truth(found, tmp_path / "full")
    for name in labels:
        ids = np.array(Image.open(folder / "masks" / f"{name}.png"))
        written = np.array(Image.open(tmp_path / "full" / f"{name}.png"))
        np.testing.assert_array_equal(written, np.isin(ids, [index + 1 for index in wanted]))
