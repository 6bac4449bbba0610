"""The csv source: what it reads, and that it lists everything that is wrong in one go."""

import csv
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.data.images import read_mask
from pipeline.data.inspection import Inspection, inspect_folder, write_ground_truth
from tests.image_folder import CLASSES, data_params, make_image_folder, write_image_file

ImageFolder = Callable[..., Path]


def inspect(folder: Path, classes: tuple[str, ...] | None = None, seed: int = 0) -> Inspection:
    return inspect_folder("csv", folder, data_params(classes=classes), seed)


def edit(folder: Path, *changes: tuple[str, str]) -> None:
    """Replace text in labels.csv."""
    file = folder / "labels.csv"
    text = file.read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text, encoding="utf-8")


def only(lines: tuple[str, ...]) -> str:
    assert len(lines) == 1, lines
    return lines[0]


def test_good_folder(image_folder: ImageFolder) -> None:
    folder = image_folder()
    inspection = inspect(folder)
    assert inspection.errors == inspection.warnings == ()
    assert inspection.manifest is not None
    assert inspection.manifest.classes == CLASSES
    assert inspection.manifest.root == folder.as_posix()
    first, sixth = inspection.manifest.samples[0], inspection.manifest.samples[5]
    assert (first.name, first.image) == ("photo-00", "images/photo-00.jpg")
    assert (first.height, first.width, first.labels, first.split) == (48, 72, (0, 1), "train")
    assert (first.mask, first.score, len(first.sha256)) == (True, True, 64)
    assert (sixth.labels, sixth.split) == ((), "val")
    assert inspection.manifest.image(first).shape == (48, 72, 3)


def test_everything_wrong_is_listed_at_once(image_folder: ImageFolder) -> None:
    folder = image_folder()
    edit(
        folder,
        ("photo-01.jpg,square", "photo-01.jpg,sqare"),
        ("photo-02.jpg,triangle,train", "photo-02.jpg,triangle,exercise"),
        ("photo-03.jpg", "../gone/3.jpg"),
        ("photo-09.jpg,disc,train", "photo-09.jpg,disc;disc,train"),
        ("photo-10.jpg", "photo-00.png"),
    )
    with (folder / "labels.csv").open("a") as file:
        file.write("photo-12.jpg,disc,train\n,disc,train\nphoto-13.jpg,disc,train,1,2\n")
    (folder / "images" / "photo-04.jpg").write_bytes(b"no image")
    (folder / "masks" / "photo-05.png").write_bytes(b"no image")
    write_image_file(folder / "masks" / "photo-06.png", np.zeros((10, 20), np.uint8))
    mask = np.zeros((64, 40), np.uint8)
    mask[0, :3] = 4, 61, 255
    write_image_file(folder / "masks" / "photo-07.png", mask)
    write_image_file(folder / "masks" / "photo-08.png", np.full((56, 80, 3), 7, np.uint8))
    (folder / "classes.txt").write_text("disc\nsquare\ntriangle\n")
    inspection = inspect(folder, classes=("disc", "square", "triangle"))
    expected = [
        ("labels.csv, line 3: ", "got 'sqare'", "Did you mean 'square'?"),
        ("labels.csv, line 4: ", "train, val or test", "'exercise'"),
        ("labels.csv, line 5: ", "below images/", "'../gone/3.jpg'"),
        ("labels.csv, line 12: ", "once", "'photo-00.png' after 'photo-00.jpg' in line 2"),
        ("photo-12.jpg (labels.csv, line 14)", "no such file"),
        ("labels.csv, line 15: ", "an empty cell"),
        ("labels.csv, line 16: ", "3 cells, got 5"),
        ("photo-04.jpg (labels.csv, line 6)", "cannot be read"),
        ("photo-07.png (labels.csv, line 9)", "0..3 or 255, got 4, 61"),
        ("photo-08.png (labels.csv, line 10)", "0..3 or 255, got 7"),
    ]
    for parts in expected:
        assert any(all(part in line for part in parts) for line in inspection.errors), (
            parts,
            inspection.errors,
        )
    assert len(inspection.errors) == len(expected)
    assert inspection.manifest is None
    warned = "\n".join(inspection.warnings)
    assert "photo-05 (cannot be read" in warned
    assert "photo-06 (drawn for 10 x 20 pixels" in warned
    assert "line 11: expected each label once, got 'disc;disc'" in warned
    assert "2 unnamed: photo-03.jpg, photo-10.jpg" in warned
    assert "2 others: photo-03.png, photo-10.png" in warned
    assert len(inspection.warnings) == 4


def test_missing_folder_and_files_are_named(tmp_path: Path, image_folder: ImageFolder) -> None:
    assert "nowhere: expected a folder" in only(inspect(tmp_path / "nowhere").errors)
    folder = image_folder()
    shutil.rmtree(folder / "images")
    assert len([line for line in inspect(folder).errors if "no such file" in line]) == 12
    folder = image_folder("other")
    (folder / "labels.csv").unlink()
    assert "labels.csv: expected a table of the labels, got no such file" in inspect(folder).errors[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a,label\n", "line 1: expected one column `image`, got the columns ['a', 'label']"),
        (b"photo,b\n", "line 1: expected one column `labels`, got the columns ['photo', 'b']"),
        (b"image,labels,labels\n", "line 1: expected one column `labels`"),
        (b"image;remark\nx.jpg;disc\n", "line 1: expected one column `labels`"),
        (b"", "line 1: expected one column `image`"),
        (b"image,labels\n", "at least one image"),
        (b"image,labels\n\xe4.jpg,disc\n", "expected a CSV file in UTF-8"),
        (b'image,labels\n"photo-00.jpg,disc\n', "line 2: expected a line of CSV, got unexpected end of data"),
    ],
)
def test_unreadable_table(image_folder: ImageFolder, content: bytes, message: str) -> None:
    folder = image_folder(images=3)
    (folder / "labels.csv").write_bytes(content)
    inspection = inspect(folder)
    assert inspection.manifest is None
    assert any(message in line for line in inspection.errors), inspection.errors


def test_byte_order_mark_windows_lines_and_other_columns_are_fine(image_folder: ImageFolder) -> None:
    folder = image_folder()
    expected = inspect(folder).manifest
    with (folder / "labels.csv").open() as file:
        lines = [[" x ", *line] for line in csv.reader(file)]
    lines[0][0] = "remark"
    text = "\r\n".join(",".join(f" {cell} " for cell in line) for line in lines) + "\r\n\r\n,,,\r\n"
    (folder / "labels.csv").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert inspect(folder).manifest == expected


def test_order_of_rows_and_workers_do_not_matter(
    image_folder: ImageFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = image_folder(split=False)
    expected = inspect(folder)
    head, *lines = (folder / "labels.csv").read_text().splitlines()
    (folder / "labels.csv").write_text("\n".join([head, *reversed(lines)]))
    monkeypatch.setenv("CAMSEG_WORKERS", "2")
    monkeypatch.setattr("pipeline.base.parallel.FEW", 0)
    assert inspect_folder("csv", folder, data_params(), 0) == expected


def test_val_is_chosen_by_the_seed_where_none_is_named(image_folder: ImageFolder) -> None:
    folder = image_folder(images=30, split=False)
    inspections = [inspect(folder, seed=seed) for seed in (0, 0, 1)]
    assert "expected a split val, got none" in only(inspections[0].warnings)
    val = [{s.name for s in f.manifest.split("val")} for f in inspections if f.manifest]
    assert val[0] == val[1] != val[2]
    assert 4 <= len(val[0]) <= 8  # 0.2 of 30, and rounding per class


def test_only_rows_without_a_split_move_to_val(image_folder: ImageFolder) -> None:
    folder = image_folder()
    text = (folder / "labels.csv").read_text().replace(",val", ",")
    (folder / "labels.csv").write_text(text)
    inspection = inspect(folder)
    assert inspection.manifest is not None
    assert {s.name for s in inspection.manifest.split("val")} < {"photo-03", "photo-04", "photo-05"}
    (folder / "labels.csv").write_text(text.replace("disc,\n", "disc,val\n"))
    inspection = inspect(folder)
    assert inspection.manifest is not None
    assert [s.name for s in inspection.manifest.split("val")] == ["photo-03"]
    assert "2 without one. They are used for training." in only(inspection.warnings)


def test_test_split_is_kept(image_folder: ImageFolder) -> None:
    folder = image_folder()
    edit(folder, ("photo-09.jpg,disc,train", "photo-09.jpg,disc,test"))
    manifest = inspect(folder).manifest
    assert manifest is not None
    assert [s.name for s in manifest.split("test")] == ["photo-09"]


def test_classes_come_from_params_then_file_then_labels(image_folder: ImageFolder) -> None:
    folder = image_folder(masks=False)
    (folder / "classes.txt").write_text("\ufefftriangle\n\n disc \nsquare\n", encoding="utf-8")
    by_file = inspect(folder).manifest
    by_params = inspect(folder, classes=("square", "disc", "triangle")).manifest
    assert by_file is not None
    assert by_params is not None
    assert by_file.classes == ("triangle", "disc", "square")
    assert by_file.samples[0].labels == (1, 2)  # disc and square
    assert by_params.classes == ("square", "disc", "triangle")
    assert by_params.samples[0].labels == (0, 1)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ((), "1 to 254 classes, got 0"),
        (("disc", "square", "triangle", "disc"), "each class once, got disc again"),
        (("disc", "square", "triangle", "star"), "an image of each class in train, got none of 'star'"),
        (("disc", "square"), "labels of the classes disc, square, got 'triangle'"),
    ],
)
def test_wrong_classes(image_folder: ImageFolder, classes: tuple[str, ...], message: str) -> None:
    inspection = inspect(image_folder(), classes=classes)
    assert any(message in line for line in inspection.errors), inspection.errors


def test_background_only_data_has_no_classes(image_folder: ImageFolder) -> None:
    folder = image_folder(images=3, masks=False)
    (folder / "labels.csv").write_text("image,labels\nphoto-00.jpg,\nphoto-01.jpg,\nphoto-02.jpg,\n")
    assert "1 to 254 classes, got 0" in only(inspect(folder).errors)


def test_too_few_images_for_a_val_split(image_folder: ImageFolder) -> None:
    folder = image_folder(images=3, masks=False)
    (folder / "labels.csv").write_text("image,labels\nphoto-01.jpg,square\nphoto-02.jpg,triangle\n")
    assert "too few images" in only(inspect(folder).errors)


def test_masks_may_be_missing(image_folder: ImageFolder) -> None:
    inspection = inspect(image_folder("without", masks=False))
    assert inspection.errors == inspection.warnings == ()
    assert inspection.manifest is not None
    assert not any(s.mask or s.score for s in inspection.manifest.samples)
    folder = image_folder("some")
    (folder / "masks" / "photo-03.png").unlink()
    inspection = inspect(folder)
    assert inspection.errors == inspection.warnings == ()
    assert inspection.manifest is not None
    assert [s.name for s in inspection.manifest.samples if not s.mask] == ["photo-03"]


def test_score_0_keeps_the_mask_out_of_scores(image_folder: ImageFolder) -> None:
    folder = image_folder()
    header, *lines = (folder / "labels.csv").read_text().splitlines()
    scores = ["0", "", "1", *["1"] * 9]
    text = [f"{header},score", *(f"{line},{score}" for line, score in zip(lines, scores, strict=True))]
    (folder / "labels.csv").write_text("\n".join(text))
    manifest = inspect(folder).manifest
    assert manifest is not None
    assert [(s.mask, s.score) for s in manifest.samples[:3]] == [(True, False), (True, True), (True, True)]
    (folder / "labels.csv").write_text("\n".join(text).replace("train,0", "train,no"))
    assert "line 2: expected score 1 or 0, got 'no'" in only(inspect(folder).errors)


def test_masks_that_contradict_the_labels_are_a_warning(image_folder: ImageFolder) -> None:
    folder = image_folder()
    inspection = inspect(folder, classes=("triangle", "square", "disc"))  # ids of disc and triangle swapped
    assert inspection.manifest is not None
    assert "classes of their labels only" in only(inspection.warnings)


def test_rotated_image_is_compared_upright(image_folder: ImageFolder) -> None:
    folder = image_folder()
    file = folder / "images" / "photo-00.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6  # stored lying on its left side
    with Image.open(file) as image:
        lying = image.rotate(90, expand=True)
    lying.save(file, exif=exif)
    inspection = inspect(folder)
    assert inspection.errors == ()
    assert inspection.manifest is not None
    assert (inspection.manifest.samples[0].height, inspection.manifest.samples[0].width) == (48, 72)


def test_folders_below_images_are_part_of_the_name(tmp_path: Path) -> None:
    folder = make_image_folder(tmp_path / "images")
    for kind, suffix in (("images", "jpg"), ("masks", "png")):
        (folder / kind / "b" / "c").mkdir(parents=True)
        (folder / kind / f"photo-01.{suffix}").rename(folder / kind / "b" / "c" / f"photo-00.{suffix}")
    edit(folder, ("photo-01.jpg", "./b//c/photo-00.jpg"))
    inspection = inspect(folder)
    assert inspection.errors == inspection.warnings == ()
    assert inspection.manifest is not None
    first = inspection.manifest.samples[0]
    assert (first.name, first.image, first.mask) == ("b/c/photo-00", "images/b/c/photo-00.jpg", True)


@pytest.mark.parametrize("image", ["/etc/passwd", "../labels.csv", "a/../b/0.jpg", "link/photo.jpg"])
def test_images_elsewhere_are_refused(image_folder: ImageFolder, tmp_path: Path, image: str) -> None:
    folder = image_folder()
    (tmp_path / "elsewhere").mkdir()
    (folder / "images" / "link").symlink_to(tmp_path / "elsewhere")
    edit(folder, ("photo-03.jpg", image))
    assert f"expected an image below images/, got '{image}'" in only(inspect(folder).errors)


def test_ground_truth_becomes_palette_pngs(image_folder: ImageFolder, tmp_path: Path) -> None:
    folder = image_folder()
    inspection = inspect(folder)
    assert inspection.manifest is not None
    write_ground_truth(inspection, tmp_path / "full")
    for sample in inspection.manifest.samples:
        file = tmp_path / "full" / f"{sample.name}.png"
        with Image.open(file) as image:
            assert image.mode == "P"
        np.testing.assert_array_equal(read_mask(file), read_mask(folder / "masks" / file.name))


def test_accents_of_file_names_count_the_same_in_one_letter_or_two(image_folder: ImageFolder) -> None:
    folder = image_folder()
    edit(folder, ("photo-00.jpg", "caf\u00e9.jpg"), ("photo-01.jpg", "cafe\u0301-1.jpg"))
    for part, suffix in (("images", "jpg"), ("masks", "png")):
        (folder / part / f"photo-00.{suffix}").rename(folder / part / f"cafe\u0301.{suffix}")
        (folder / part / f"photo-01.{suffix}").rename(folder / part / f"caf\u00e9-1.{suffix}")
    inspection = inspect(folder)
    assert inspection.errors == inspection.warnings == ()
    assert inspection.manifest is not None
    assert [sample.mask for sample in inspection.manifest.samples].count(True) == 12
    for sample in inspection.manifest.samples:
        assert (folder / sample.image).is_file()


@pytest.mark.parametrize("written", ["PHOTO-00.jpg", "x\\photo-00.JPG", "Photo-00"])
def test_a_name_in_another_case_is_found_and_said(image_folder: ImageFolder, written: str) -> None:
    folder = image_folder()
    edit(folder, ("photo-00.jpg", written))
    inspection = inspect(folder)
    assert inspection.errors == ()
    said = f"got 1 spelt in another way: {written} (images/photo-00.jpg). They are taken"
    assert any(said in line for line in inspection.warnings)


def test_a_missing_image_is_named(image_folder: ImageFolder) -> None:
    folder = image_folder()
    edit(folder, ("photo-01.jpg", "gone.jpg"))
    (error,) = inspect(folder).errors
    assert error.endswith("got no such file. Put it there, or delete its line in labels.csv.")


def test_files_that_a_mac_leaves_are_not_worth_a_word(image_folder: ImageFolder) -> None:
    folder = image_folder()
    (folder / "images" / "._photo-00.jpg").touch()
    assert inspect(folder).warnings == ()
