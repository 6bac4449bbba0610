"""`camseg init`: a project in a folder of its own, and what `camseg use` says of other data there."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.__main__ import main
from pipeline.commands.init import PROJECT, TEMPLATES
from pipeline.params import load_params
from tests.image_folder import write_image_file

ROOT = Path(__file__).parents[2]
ImageFolder = Callable[..., Path]
OPTIONS = ["--weights", "none", "--encoder", "resnet18", "--quality", "fast"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    return folder


def files(folder: Path) -> dict[str, bytes]:
    return {f.relative_to(folder).as_posix(): f.read_bytes() for f in folder.rglob("*") if f.is_file()}


@pytest.mark.parametrize("name", ["new", "a/new one", "."])
def test_a_new_or_an_empty_folder_becomes_a_project(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["init", name]) == 0
    assert set(files(Path(name))) == set(PROJECT)
    assert load_params(Path(name) / "params.yaml").data.source == "scenes"
    go = "" if name == "." else f"cd {name}, then "
    assert f"now run: {go}camseg use IMAGES, then camseg run" in capsys.readouterr().out


def test_every_template_is_used() -> None:
    assert {file.name for file in TEMPLATES.iterdir()} == set(PROJECT.values())


@pytest.mark.parametrize("kind", ["absolute", "relative", "inside"])
def test_data_is_found_from_the_project(kind: str, image_folder: ImageFolder, here: Path) -> None:
    images = image_folder()
    given = {"absolute": images, "relative": Path("../images"), "inside": Path("my/data/raw")}[kind]
    if kind == "inside":
        assert main(["init", "my"]) == 0
        images.rename(here / "raw")
        (here / "my/data/raw/README.md").unlink()
        (here / "my/data/raw").rmdir()
        (here / "raw").rename(here / "my/data/raw")
    assert main(["init", "my", "--data", str(given), *OPTIONS]) == 0
    params = load_params(here / "my/params.yaml")
    assert params.data.path == ("data/raw" if kind == "inside" else images.as_posix())
    assert params.data.source == "csv"
    assert (params.classifier.encoder, params.classifier.weights) == ("resnet18", "none")
    assert params.segmentation.supervision == ("cam", "full")
    assert Path.cwd() == here


def test_files_of_other_options_count_from_where_they_were_named(image_folder: ImageFolder) -> None:
    Path("mine.yaml").write_text("seed: 7\n")
    assert main(["init", "my", "--data", str(image_folder()), *OPTIONS, "--preset", "mine.yaml"]) == 0
    assert load_params(Path("my/params.yaml")).seed == 7
    assert main(["init", "b", "--data", str(image_folder("b")), *OPTIONS, "--objects", "small"]) == 0
    assert load_params(Path("b/params.yaml")).heatmaps.objects == "small"


def test_two_projects_leave_each_other_alone(image_folder: ImageFolder) -> None:
    assert main(["init", "one", "--data", str(image_folder("x")), *OPTIONS]) == 0
    before = files(Path("one"))
    assert main(["init", "two", "--data", str(image_folder("y")), *OPTIONS]) == 0
    assert files(Path("one")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["full"], "full: expected a new or an empty folder, got a.jpg, b.jpg. Name another one"),
        (["many"], "got 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 3 more. Name another one"),
        (["full/a.jpg"], "full/a.jpg: expected a folder, got a file"),
        (["new", "--data", "absent"], "--data absent: expected a folder of images, got none"),
        (["new", "--weights", "none"], "--weights: expected --data IMAGES too, got none"),
        (["new", "--no-background"], "--no-background: expected --data IMAGES too, got none"),
    ],
)
def test_what_cannot_become_a_project_stays_as_it_is(
    arguments: list[str], message: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("full/a.jpg", "full/b.jpg", *(f"many/{n}.txt" for n in range(8))):
        (here / name).parent.mkdir(exist_ok=True)
        (here / name).write_bytes(b"")
    before = files(here)
    assert main(["init", *arguments]) == 2
    assert message in capsys.readouterr().err
    assert files(here) == before


def test_a_project_gets_what_it_lacks_and_keeps_what_it_has() -> None:
    assert main(["init", "my"]) == 0
    before = files(Path("my"))
    Path("my/params.yaml").write_text("mine")
    Path("my/.dvcignore").unlink()
    assert main(["init", "my"]) == 0
    assert files(Path("my")) == {**before, "params.yaml": b"mine"}


def test_data_with_errors_leave_a_project_to_correct_them_in(
    image_folder: ImageFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    images = image_folder()
    (images / "images/photo-01.jpg").write_bytes(b"")
    assert main(["init", "my", "--data", str(images), *OPTIONS]) == 2
    output = capsys.readouterr()
    assert "photo-01.jpg" in output.err
    assert "correct the data, then run: cd my, then camseg use IMAGES, then camseg run" in output.out
    assert Path("my/params.yaml").read_bytes() == (TEMPLATES / "params.yaml").read_bytes()


def trained(name: str, images: Path) -> None:
    """A project that has outputs of `images`."""
    assert main(["init", name, "--data", str(images), *OPTIONS]) == 0
    Path(name, "data/prepared").mkdir()


def test_other_data_in_a_project_with_outputs_need_force(
    image_folder: ImageFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = image_folder("first"), image_folder("second")
    trained("my", first)
    monkeypatch.chdir("my")
    before = Path("params.yaml").read_bytes()
    capsys.readouterr()
    assert main(["use", str(first), *OPTIONS]) == 0  # the same data
    assert "belongs to" not in capsys.readouterr().err
    assert main(["use", str(second), *OPTIONS]) == 2
    said = capsys.readouterr().err
    assert f"This project belongs to {first.as_posix()}" in said
    assert "DVC keeps the old ones in its cache until `dvc gc`" in said
    assert "--force takes the data here" in said
    assert Path("params.yaml").read_bytes() == before
    assert main(["use", str(second), *OPTIONS, "--force"]) == 0
    assert load_params().data.path == second.as_posix()


@pytest.mark.parametrize(("answer", "status"), [("y", 0), ("YES ", 0), ("", 2), ("no", 2)])
def test_a_terminal_is_asked(
    answer: str, status: int, image_folder: ImageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained("my", image_folder("first"))
    monkeypatch.chdir("my")
    monkeypatch.setattr("sys.stdin.isatty", lambda: True)
    monkeypatch.setattr("builtins.input", lambda _: answer)
    assert main(["use", str(image_folder("second")), *OPTIONS]) == status


def test_corrected_masks_are_named_though_the_images_were_rendered(
    image_folder: ImageFolder, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["init", "my"]) == 0
    monkeypatch.chdir("my")
    Path("data/prepared").mkdir()
    images = image_folder()
    assert main(["use", str(images), *OPTIONS]) == 0, "rendered images are no loss"
    Path("params.yaml").write_bytes((TEMPLATES / "params.yaml").read_bytes())
    write_image_file(Path("data/corrections/train-00001.png"), np.zeros((8, 8), np.uint8))
    Path("data/corrections/classes.txt").write_text("ball\n")
    with Path("data/review/decisions.csv").open("a") as file:
        file.write("train-00001,rejected,ball,\n")
    assert main(["use", str(images), *OPTIONS]) == 2
    told = capsys.readouterr().err
    assert "1 corrected mask(s) in data/corrections: they stay, and `camseg run` stops" in told
    assert "1 decision(s) in data/review/decisions.csv: they stay" in told


def test_the_version_is_told() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", "--version"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("camseg ")
