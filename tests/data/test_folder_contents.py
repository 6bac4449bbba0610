"""What else lies in a folder of data: nothing is passed over in silence, and nothing stops DVC later."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision import tv_tensors

from pipeline.__main__ import main
from pipeline.base.sizes import crop_side
from pipeline.commands.predict_names import name_images, unread_files
from pipeline.data.folder_contents import LONGEST, is_like_image, is_unread
from pipeline.data.training_examples import joint_transform
from pipeline.errors import UserError
from pipeline.params import load_params
from tests.data.folders import add_images, inspect, labels
from tests.image_folder import make_image_folder, write_image_file


def add_classes(folder: Path) -> None:
    add_images(folder, *(f"{kind}/{i}.jpg" for kind in ("cat", "dog") for i in range(3)))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (
            ["cat/a.CR2", "dog/b.svg"],
            "2 that look like images: cat/a.CR2, dog/b.svg. They are left out. Save them",
        ),
        (["cat/a.mp4", "b.pdf", "c.jxl"], "3 that look like images: "),
        (["cat/a.xyz", "b.abc", "c.xyz", "d"], "4 others (1 .abc, 2 .xyz, 1 without suffix): "),
        (["cat/a.seg"], "1 others (1 .seg): cat/a.seg. They are left out"),
    ],
)
def test_files_that_nothing_reads_are_counted(tmp_path: Path, names: list[str], said: str) -> None:
    add_classes(tmp_path)
    for name in names:
        (tmp_path / name).write_bytes(b"?")
    assert any(said in line for line in inspect("imagefolder", tmp_path).warnings)


def test_descriptions_and_hidden_files_are_not_worth_a_word(tmp_path: Path) -> None:
    add_classes(tmp_path)
    before = inspect("imagefolder", tmp_path).warnings
    for name in ("README", "LICENSE.md", "notes.txt", "meta.yaml", ".DS_Store", "Thumbs.db", "cat/._1.cr2"):
        (tmp_path / name).write_bytes(b"{}")
    assert inspect("imagefolder", tmp_path).warnings == before
    assert not is_unread("a/b.JPEG")
    assert not is_like_image("a.txt")


@pytest.mark.parametrize("suffix", ["jfif", "JPE", "jif", "pjpeg", "PJP"])
def test_other_suffixes_of_jpeg_are_read(tmp_path: Path, suffix: str) -> None:
    add_classes(tmp_path)
    for file in sorted((tmp_path / "dog").iterdir()):
        file.rename(file.with_suffix(f".{suffix}"))
    assert labels(inspect("imagefolder", tmp_path))["dog/1"] == ("dog",)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_images_whose_masks_would_be_called_like_a_folder_are_named(tmp_path: Path, suffix: str) -> None:
    add_classes(tmp_path)
    add_images(tmp_path, f"cat/x.{suffix}/y.bmp", f"cat/x.{suffix}/z.bmp", "cat/x.bmp")
    (error,) = inspect("imagefolder", tmp_path).errors
    assert (
        f"cat/x.bmp: expected images whose masks are not called like a folder, got the folder cat/x.{suffix}/"
        in error
    )
    assert "Rename the image or the folder" in error
    (tmp_path / "cat/x.bmp").rename(tmp_path / "cat/x2.bmp")
    assert not inspect("imagefolder", tmp_path).errors


@pytest.mark.parametrize("suffix", ["", ".jpg_large", ".bin", ".tmp"])
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_images_whose_names_do_not_say_so_are_named(tmp_path: Path, suffix: str, kind: str) -> None:
    add_classes(tmp_path)
    (tmp_path / "note.xyz").write_bytes(b"?")
    Image.new("RGB", (40, 30)).save(tmp_path / f"cat/7{suffix}", kind)
    lines = [line for line in inspect("imagefolder", tmp_path).warnings if "left out" in line]
    assert f"1 without it: cat/7{suffix}. They are left out. Rename them, as NAME.jpg" in lines[0]
    assert "1 others (1 .xyz): note.xyz" in lines[1]


@pytest.mark.parametrize("name", [b"caf\xe9.jpg", b"\xff\xfe.png", b"x\xe4/1.jpg", b"\xe9.txt"])
def test_names_that_are_no_text_are_named(tmp_path: Path, name: bytes) -> None:
    add_classes(tmp_path)
    file = tmp_path / "cat" / os.fsdecode(name)
    file.parent.mkdir(exist_ok=True)
    file.write_bytes((tmp_path / "cat" / "1.jpg").read_bytes())
    (error,) = inspect("imagefolder", tmp_path).errors
    escaped = name.split(b"/")[0].decode("utf-8", "backslashreplace")
    assert f"cat/{escaped}: expected a name in UTF-8, got other bytes. Rename it" in error


@pytest.mark.parametrize("name", ["dog/pipe.jpg", "cat/sub/a.png", "dog/a.tif", "cat/a.dcm"])
def test_pipes_that_are_named_as_images_are_not_waited_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    add_classes(tmp_path)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    os.mkfifo(tmp_path / name)
    assert main(["check", str(tmp_path)]) == 1
    said = capsys.readouterr().out
    assert f"{name}: expected files and folders alone, got a pipe" in said
    assert f"{name}: expected a readable image" in said


def test_what_dvc_does_not_take_is_named(tmp_path: Path) -> None:
    add_classes(tmp_path)
    (tmp_path / ".dvcignore").touch()
    (tmp_path / "cat" / ".dvcignore").touch()
    os.mkfifo(tmp_path / "dog" / "pipe")
    os.mkfifo(tmp_path / ".hidden")
    (tmp_path / "cat" / "note").symlink_to(tmp_path / "gone")
    errors = inspect("imagefolder", tmp_path).errors
    for part in (
        f"{tmp_path}/.dvcignore: expected no .dvcignore in the folder of the data, got one. Move or remove",
        "cat/.dvcignore: ",
        "dog/pipe: expected files and folders alone, got a pipe",
        ".hidden: expected files and folders alone",
        "cat/note: expected a file, got a link to nothing. Remove it",
    ):
        assert any(part in line for line in errors), part
    assert len(errors) == 5


def test_folders_that_may_not_be_read_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_classes(tmp_path)
    (tmp_path / "closed").mkdir()
    open_to = os.access
    monkeypatch.setattr(os, "access", lambda path, mode: "closed" not in str(path) and open_to(path, mode))
    (error,) = inspect("imagefolder", tmp_path).errors
    assert (
        "/closed: expected a folder that may be read, got one that may not. Change its permissions" in error
    )
    (line,) = unread_files([tmp_path], tmp_path / "out")
    assert line == f"{tmp_path}/closed: expected a folder that may be read. Change its permissions"


def test_a_folder_that_may_not_be_read_is_not_taken_for_an_empty_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, _mode: Path(path) != tmp_path / "images")
    (tmp_path / "images").mkdir()
    with pytest.raises(
        UserError, match=r"images: expected a folder that may be read\. Change its permissions"
    ):
        name_images([tmp_path / "images"], tmp_path / "out")


def test_a_link_to_nothing_is_no_advice_for_itself(tmp_path: Path) -> None:
    add_images(tmp_path, "images/a.jpg")
    (tmp_path / "images" / "b.jpg").symlink_to(tmp_path / "gone.jpg")
    (tmp_path / "labels.csv").write_text("image,labels\na.jpg,cat\nb.jpg,\n")
    errors = inspect("csv", tmp_path).errors
    assert any("b.jpg (labels.csv, line 3)" in line and "Put it there" in line for line in errors)
    assert not any("write it like this" in line for line in errors)


@pytest.mark.parametrize("letter", ["a", "\u00e4", "\u732b"])
def test_names_that_are_too_long_are_named(tmp_path: Path, letter: str) -> None:
    add_classes(tmp_path)
    size = len(letter.encode())
    fits, long = (letter * (count // size) + ".jpg" for count in (LONGEST - 4, 248))
    add_images(tmp_path, f"cat/{fits}", f"cat/{long}")
    (error,) = inspect("imagefolder", tmp_path).errors
    assert long in error
    assert f"expected a name of at most {LONGEST} bytes" in error


@pytest.mark.parametrize("size", [(2, 3000), (3000, 1), (1, 1)])
def test_thin_images_are_drawn_for_training(tmp_path: Path, size: tuple[int, int]) -> None:
    folder = make_image_folder(tmp_path / "data")
    write_image_file(folder / "images" / "photo-00.jpg", np.zeros((*size, 3), np.uint8))
    write_image_file(folder / "masks" / "photo-00.png", np.zeros(size, np.uint8))
    assert inspect("csv", folder).errors == ()
    params = load_params().classifier.training
    transform = joint_transform(params, 128, crop_side(params, 128))
    for seed in range(4):
        torch.manual_seed(seed)
        image = tv_tensors.Image(torch.zeros((3, *size), dtype=torch.uint8))
        drawn, mask = transform(image, tv_tensors.Mask(torch.zeros(size, dtype=torch.uint8)))
        assert drawn.shape[1:] == mask.shape
        assert min(mask.shape) >= 32
