"""`--classes`, `--rename` and `--preset` of `check` and `use` act before the folder is examined."""

import shutil
from pathlib import Path

import pytest

from pipeline.__main__ import main
from pipeline.params import load_params
from tests.data.folders import SIZE, add_images, write_json

SHIPPED = Path(__file__).parents[2] / "params.yaml"
COUNT = 6  # images of each class


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.copy(SHIPPED, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")


def make_classes(folder: Path, *names: str) -> str:
    add_images(folder, *(f"{name}/{i}.jpg" for name in names for i in range(COUNT)))
    return str(folder)


def make_many_categories(folder: Path, count: int) -> str:
    """COCO outlines: every other category in each image; the fourth and the seventh have their own place."""
    add_images(folder / "images", *(f"{i}.jpg" for i in range(COUNT)))
    squares = [[[1, 1, 4, 1, 4, 4, 1, 4]], [[5, 1, 7, 1, 7, 4, 5, 4]]]
    document = {
        "images": [{"id": i, "file_name": f"{i}.jpg"} for i in range(COUNT)],
        "categories": [{"id": i, "name": f"thing {i}"} for i in range(count)],
        "annotations": [
            {"image_id": i, "category_id": j, "segmentation": squares[j not in (4, 7)]}
            for i in range(COUNT)
            for j in range(count)
            if j % 2 == i % 2
        ],
    }
    write_json(folder / "instances.json", document)
    return str(folder)


def test_a_few_classes_of_very_many_can_be_picked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_many_categories(tmp_path / "lvis", 400)
    assert main(["check", folder]) == 1
    assert "got 400. Pick some of them: data.classes, or --classes A,B." in capsys.readouterr().out
    assert main(["check", folder, "--classes", "thing 7, thing 4"]) == 0
    output = capsys.readouterr().out
    assert "  thing 7                    2    1\n" in output
    assert "  with a mask                4    2\n" in output
    assert main(["use", folder, "--classes", "thing 7", "--classes", "thing 4", "--weights", "none"]) == 0
    assert load_params().data.classes == ("thing 7", "thing 4")
    assert main(["check", folder]) == 0  # params.yaml names the folder and its classes now


def test_names_are_changed_before_the_examination(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_classes(tmp_path / "animals", "cat", "kitten", "good", "frame")
    options = ["--rename", "kitten=cat", "--rename", "good = background", "--rename", "frame=null"]
    assert main(["check", folder, *options]) == 0
    output = capsys.readouterr().out
    assert "  cat                       10    2\n" in output
    assert "  (background only)          5    1\n" in output
    assert main(["use", folder, *options, "--weights", "none"]) == 0
    data = load_params().data
    assert data.rename == {"kitten": "cat", "good": "background", "frame": None}
    assert data.classes == ("cat",)
    # Of the same folder, the names in params.yaml stay.
    assert main(["use", folder, "--rename", "frame=cat", "--weights", "none"]) == 0
    assert load_params().data.rename == {"kitten": "cat", "good": "background", "frame": "cat"}


def test_names_that_are_numbers_stay_text_in_the_params(tmp_path: Path) -> None:
    folder = make_classes(tmp_path / "scans", "0", "1")
    assert main(["use", folder, "--rename", "0=background", "--weights", "none"]) == 0
    assert load_params().data.rename == {"0": "background"}
    assert load_params().data.classes == ("1",)
    assert main(["check", folder]) == 0


@pytest.mark.parametrize("text", ["cat", "=cat", "cat=", ""])
def test_a_new_name_needs_an_old_one(text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_classes(tmp_path / "animals", "cat", "dog")
    assert main(["check", folder, "--rename", text]) == 2
    assert f"--rename: expected NAME=CLASS, got {text!r}" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["check", "use"])
def test_a_preset_says_which_classes(
    command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_classes(tmp_path / "animals", "cat", "dog", "cow")
    Path("mine.yaml").write_text("data: {classes: [dog, cat], rename: {cow: dog}, val_share: 0.5}\n")
    arguments = [command, folder, "--preset", "mine.yaml"]
    assert main([*arguments, "--weights", "none"] if command == "use" else arguments) == 0
    if command == "check":
        assert "  dog                        6    6\n" in capsys.readouterr().out
    else:
        data = load_params().data
        assert (data.classes, data.rename, data.val_share) == (("dog", "cat"), {"cow": "dog"}, 0.5)


def test_options_go_before_the_preset(tmp_path: Path) -> None:
    folder = make_classes(tmp_path / "animals", "cat", "dog")
    Path("mine.yaml").write_text("data: {classes: [dog, cat]}\n")
    assert main(["use", folder, "--preset", "mine.yaml", "--classes", "cat", "--weights", "none"]) == 0
    assert load_params().data.classes == ("cat",)


def test_a_preset_with_a_wrong_value_of_the_data_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_classes(tmp_path / "animals", "cat", "dog")
    Path("mine.yaml").write_text("data: {val_share: 7}\n")
    for command in ("check", "use"):
        assert main([command, folder, "--preset", "mine.yaml"]) == 2
        assert "data.val_share: " in capsys.readouterr().err


def make_splits(folder: Path, train: tuple[str, ...], val: tuple[str, ...]) -> str:
    for split, names in (("train", train), ("valid", val)):
        add_images(folder / split, *(f"{i}.jpg" for i in range(COUNT)))
        used = sorted({*names})
        document = {
            "images": [
                {"id": i, "file_name": f"{i}.jpg", "height": SIZE[0], "width": SIZE[1]} for i in range(COUNT)
            ],
            "categories": [{"id": i, "name": name} for i, name in enumerate(used)],
            "annotations": [
                {"image_id": i, "category_id": used.index(names[i % len(names)])} for i in range(COUNT)
            ],
        }
        write_json(folder / split / "_annotations.coco.json", document)
    return str(folder)


def test_classes_that_only_val_has_are_left_out_with_a_word(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_splits(tmp_path / "animals", ("cat", "dog"), ("cat", "rare", "dog"))
    assert main(["check", folder]) == 0
    output = capsys.readouterr().out
    assert (
        "expected an image of each class in train, got 1 without one: 'rare' (2 images elsewhere)" in output
    )
    assert "2 without one: valid/1, valid/4. They are left out" in output
    assert main(["use", folder, "--weights", "none"]) == 0
    assert load_params().data.classes == ("cat", "dog")


def test_a_class_that_was_picked_is_not_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = make_splits(tmp_path / "animals", ("cat", "dog"), ("cat", "rare", "dog"))
    assert main(["check", folder, "--classes", "cat,rare"]) == 1
    output = capsys.readouterr().out
    assert "got none of 'rare'. Label one, or pick classes without it (data.classes, --classes)" in output
