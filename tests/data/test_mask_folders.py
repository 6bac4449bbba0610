"""Images with masks and nothing else, in the layouts of public data sets."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from pipeline.data.images import read_mask
from pipeline.data.inspection import Inspection, write_ground_truth
from pipeline.data.sources.detect import detect_source
from pipeline.data.sources.mask_pairs import is_with_masks, pair_masks
from tests.data.folders import SIZE, add_images, inspect, labels, samples
from tests.image_folder import write_image_file

LEFT = np.arange(SIZE[1]) < 4  # columns
DRAWN = np.broadcast_to(LEFT, SIZE)


def masks(inspection: Inspection, folder: Path) -> dict[str, np.ndarray]:
    write_ground_truth(inspection, folder)
    files = sorted(folder.rglob("*.png"))
    return {file.relative_to(folder).with_suffix("").as_posix(): read_mask(file) for file in files}


COLOURS = {"sky": (128, 128, 128), "road": (128, 64, 128), "car": (64, 0, 128)}
TABLES = {
    "class_dict.csv": "name,r,g,b\nsky,128,128,128\nroad,128,64,128\ncar,64,0,128\n",
    "label_colors.txt": "128 128 128\tsky\n128 64 128\troad\n64 0 128\tcar\n",
    "classes.json": '{"classes": [{"title": "sky", "color": "#808080"}, '
    '{"title": "road", "color": "#804080"}, {"title": "car", "color": "#400080"}]}',
    "colormap.json": '{"sky": [128, 128, 128], "road": [128, 64, 128], "car": [64, 0, 128]}',
}


def add_street(folder: Path) -> None:
    """Masks of three colours: all show the sky and the road, every second one a car."""
    add_images(folder, *(f"images/{i}.jpg" for i in range(10)))
    for i in range(10):
        mask = np.full((*SIZE, 3), COLOURS["sky"], np.uint8)
        mask[3:] = COLOURS["road"]
        mask[4:, : 3 * (i % 2)] = COLOURS["car"]
        write_image_file(folder / f"masks/{i}.png", mask)


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("labelled", [True, False])
def test_tables_of_other_programs_name_colours(tmp_path: Path, name: str, labelled: bool) -> None:
    add_street(tmp_path)
    rows = [f"{i}.jpg,sky;road{';car' * (i % 2)}\n" for i in range(10)]
    if labelled:
        (tmp_path / "labels.csv").write_text("image,labels\n" + "".join(rows))
    source = detect_source(tmp_path)
    assert source == ("csv" if labelled else "masks")
    assert inspect(source, tmp_path).manifest is None
    (tmp_path / name).write_text(TABLES[name])
    inspection = inspect(source, tmp_path)
    assert inspection.errors == ()
    assert "128,64,128 is road" in inspection.survey.encoding
    assert inspection.survey.pixels["car"] == 5 * 3 * (SIZE[0] - 4)
    assert not any(name in line for line in inspection.warnings)


@pytest.mark.parametrize("change", ["another name", "two tables", "a colour less"])
def test_tables_that_do_not_fit_are_left_alone(tmp_path: Path, change: str) -> None:
    add_street(tmp_path)
    text = TABLES["class_dict.csv"]
    if change == "another name":
        (tmp_path / "classes.txt").write_text("sky\nstreet\ncar\n")
    if change == "two tables":
        (tmp_path / "colors.txt").write_text("sky,1,2,3\n")
    if change == "a colour less":
        text = text.replace("car,64,0,128\n", "")
    (tmp_path / "class_dict.csv").write_text(text)
    (error,) = inspect("masks", tmp_path).errors
    assert "64,0,128" in error
    assert "--write-colours" in error


def test_a_table_of_colours_says_nothing_of_ids(tmp_path: Path) -> None:
    add_street(tmp_path)
    for file in (tmp_path / "masks").iterdir():
        write_image_file(file, (DRAWN * 2 + 1).astype(np.uint8))
    before = samples(inspect("masks", tmp_path))
    (tmp_path / "class_dict.csv").write_text(TABLES["class_dict.csv"])
    inspection = inspect("masks", tmp_path)
    assert samples(inspection) == before
    assert "road" not in inspection.survey.encoding


def add_mask(file: Path, objects: bool = True, value: int = 255) -> None:
    write_image_file(file, (DRAWN * value * objects).astype(np.uint8))


PAIRS = [
    ("images/{}.jpg", "masks/{}.png"),
    ("image/{}.jpg", "groundTruth/{}.png"),
    ("{}.jpg", "{}_mask.png"),
    ("{}.jpg", "{}_gt.png"),
    ("{}.jpg", "{}-label.png"),
    ("x/{}.jpg", "x/{}_annotation.png"),
    ("{}_sat.jpg", "{}_mask.png"),
    ("image_{}.jpg", "mask_{}.png"),
    ("train/images/{}.jpg", "train/masks/{}.png"),
    ("images/val/{}.jpg", "labels/val/{}_seg.png"),
    ("train/{}.jpg", "train_masks/{}_mask.png"),
    ("train_images/{}.jpg", "train_masks/{}.png"),
    ("test/{}.jpg", "testannot/{}.png"),
    ("CameraRGB/{}.png", "CameraSeg/{}.png"),
    ("{}/img.jpg", "{}/label.png"),
    ("Original/{}.tif", "Ground Truth/{}.tif"),
]


@pytest.mark.parametrize(("image", "mask"), PAIRS)
def test_pairs_of_public_data_sets(image: str, mask: str) -> None:
    names = ("01", "benign (2)", "b_3")
    files = [pattern.format(name) for name in names for pattern in (image, mask)]
    pairs = pair_masks(files)
    assert pairs.masks == {image.format(name): mask.format(name) for name in names}
    assert (pairs.without, pairs.unclear) == ((), ())


@pytest.mark.parametrize(
    "files",
    [
        ["with_mask/1.jpg", "without_mask/1.jpg"],
        ["mask/1.jpg", "no_mask/1.jpg"],
        ["cat/label.jpg", "dog/label.jpg"],
        ["cat/1.jpg", "dog/1_seg.png"],
        [],
    ],
)
def test_names_that_make_no_pairs(files: list[str]) -> None:
    assert not is_with_masks(files)


@pytest.mark.parametrize(("image", "mask"), PAIRS[:3])
def test_one_class(tmp_path: Path, image: str, mask: str) -> None:
    folder = tmp_path / "data"
    for i, name in enumerate("abcdef"):
        add_images(folder, image.format(name))
        add_mask(folder / mask.format(name), objects=i < 4)
    assert detect_source(folder) == "masks"
    inspection = inspect("masks", folder)
    found = labels(inspection)
    names = [image.format(name).removesuffix(".jpg") for name in "abcdef"]
    assert [found[name] for name in names] == [("object",)] * 4 + [()] * 2
    assert any("one class, 'object'; --rename object=NAME" in line for line in inspection.warnings)
    drawn = masks(inspection, tmp_path / "full")
    np.testing.assert_array_equal(drawn[names[0]], DRAWN)
    renamed = inspect("masks", folder, rename={"object": "crack"})
    assert set(labels(renamed).values()) == {("crack",), ()}


def test_tiles_of_ids_with_and_without_names(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for tile in (1, 2):
        add_images(folder, *(f"Tile {tile}/images/{i}.jpg" for i in range(6)))
        for i in range(6):
            ids = np.zeros(SIZE, np.uint8)
            ids[:, :4], ids[0, 0] = i % 5, 5
            write_image_file(folder / f"Tile {tile}/masks/{i}.png", ids)
    assert detect_source(folder) == "masks"
    inspection = inspect("masks", folder)
    assert labels(inspection)["Tile 1/images/2"] == ("2", "5")
    assert any("classes.txt: expected the names of the classes" in line for line in inspection.warnings)
    (folder / "classes.txt").write_text("background\na\nwater\nb\nroad\nhouse\n")
    assert labels(inspect("masks", folder))["Tile 2/images/2"] == ("water", "house")
    by_params = inspect("masks", folder, rename={"water": "lake"})
    assert labels(by_params)["Tile 2/images/2"] == ("lake", "house")


def test_colours_are_asked_for_their_names(tmp_path: Path) -> None:
    colours = {"water": (226, 169, 41), "road": (110, 193, 228), "land": (132, 41, 246)}
    add_images(tmp_path, *(f"Tile {tile}/images/{i}.jpg" for tile in (1, 2) for i in range(6)))
    for tile in (1, 2):
        for i in range(6):
            mask = np.zeros((*SIZE, 3), np.uint8)
            mask[:] = list(colours.values())[i % 3]
            mask[:, :2] = colours["land"]
            write_image_file(tmp_path / f"Tile {tile}/masks/{i}.png", mask)
    errors = inspect("masks", tmp_path).errors
    assert any("226,169,41" in line and "colours.txt" in line for line in errors)
    lines = [f"{name}:{','.join(map(str, colour))}" for name, colour in colours.items()]
    (tmp_path / "colours.txt").write_text("\n".join(lines))
    found = labels(inspect("masks", tmp_path))
    assert found["Tile 1/images/0"] == ("water", "land")
    assert found["Tile 2/images/2"] == ("land",)


def test_matlab_files_of_one_class(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for i in range(6):
        add_images(folder, f"image/{i}.jpg")
        (folder / "groundTruth").mkdir(exist_ok=True)
        values = (1 + DRAWN * (i < 4)).astype(np.uint8)
        content = {"groundTruth": {"Segmentation": values, "Boundaries": DRAWN.astype(bool)}}
        savemat(folder / "groundTruth" / f"{i}.mat", content)
    assert detect_source(folder) == "masks"
    inspection = inspect("masks", folder)
    assert [labels(inspection)[f"image/{i}"] for i in range(6)] == [("object",)] * 4 + [()] * 2
    np.testing.assert_array_equal(masks(inspection, tmp_path / "full")["image/0"], DRAWN)


@pytest.mark.parametrize("key", [None, "Segmentation", "groundTruth{2}.Segmentation", "other"])
def test_matlab_files_of_several_people_need_a_name(tmp_path: Path, key: str | None) -> None:
    folder = tmp_path / "data"
    (folder / "groundTruth").mkdir(parents=True)
    for i in range(6):
        add_images(folder, f"image/{i}.jpg")
        people = np.empty((1, 2), object)
        for person in range(2):
            people[0, person] = {"Segmentation": np.roll(DRAWN, person, 1).astype(np.uint8)}
        savemat(folder / "groundTruth" / f"{i}.mat", {"groundTruth": people})
    inspection = inspect("masks", folder, mask_key=key)
    if key == "groundTruth{2}.Segmentation":
        np.testing.assert_array_equal(masks(inspection, tmp_path / "full")["image/0"], np.roll(DRAWN, 1, 1))
        return
    which = f" called {key}" if key else ""
    got = f"6 others: groundTruth/0.mat (expected one picture of whole numbers{which}, got groundTruth{{1}}"
    (warning,) = [line for line in inspection.warnings if got in line]
    assert "Choose one with data.mask_key (--mat-key)" in warning


def test_splits_and_what_is_left_out(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for i in range(4):
            add_images(tmp_path, f"{split}/images/{i}.jpg")
            add_mask(tmp_path / f"{split}/masks/{i}.png", objects=i > 0)
    add_images(tmp_path, "test/images/1.jpg")
    add_mask(tmp_path / "val/masks/gone.png")
    (tmp_path / "val/masks/3.png").write_bytes(b"no image")
    inspection = inspect("masks", tmp_path)
    assert {name: s.split for name, s in samples(inspection).items()} == {
        f"{split}/images/{i}": split
        for split in ("train", "val")
        for i in range(4)
        if (split, i) != ("val", 3)
    }
    said = "\n".join(inspection.warnings)
    assert "1 without one: test/images/1.jpg. They are left out" in said
    assert "1 others: val/masks/gone.png" in said
    assert "1 others: val/masks/3.png (cannot be read as an image: " in said
    assert "Their images are left out" in said


def test_folders_of_classes_with_masks_beside_the_images(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    for kind in ("benign", "malignant"):
        for i in range(4):
            add_images(folder, f"{kind}/{kind} ({i}).png")
            add_mask(folder / f"{kind}/{kind} ({i})_mask.png")
    assert detect_source(folder) == "masks"
    warning = "folders benign, malignant. If they are the classes, give --source imagefolder."
    assert any(warning in line for line in inspect("masks", folder).warnings)
    inspection = inspect("imagefolder", folder)
    assert labels(inspection)["malignant/malignant (1)"] == ("malignant",)
    np.testing.assert_array_equal(masks(inspection, tmp_path / "full")["malignant/malignant (1)"], DRAWN * 2)
