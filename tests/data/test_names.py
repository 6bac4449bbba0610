"""Names that are no class: the background, pixels that do not count, empty cells, in every kind of folder."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.corrections.read import read_corrections
from pipeline.data.images import read_mask, write_mask
from pipeline.data.inspection import Inspection, write_ground_truth
from pipeline.data.names import (
    after_background,
    is_garbled,
    may_be_class,
    may_mean_nothing,
    means_background,
    means_ignore,
)
from pipeline.params import Source
from tests.data.folders import SIZE, add_images, inspect, labels, make_voc, write_json

COUNT = 4  # images of each label


@pytest.mark.parametrize(
    "name", ["background", "_Background_", "__background__", "BG", "nan", "None", "n/a", "[]"]
)
def test_names_without_a_label(name: str) -> None:
    assert means_background(name)
    assert not may_be_class(name)


@pytest.mark.parametrize("name", ["ignore", "Ignore_", "void", "Un-labelled".replace("-", ""), "boundary"])
def test_names_of_pixels_that_do_not_count(name: str) -> None:
    assert means_ignore(name)
    assert not may_be_class(name)


@pytest.mark.parametrize(
    "name",
    [
        *("No Finding", "no_crack", "non-defect", "good", "OK", "Healthy", "0", "negative"),
        *("kein Befund", "Ohne_Riss", "gut", "aucun", "sans fissure", "sain", "nessuna crepa", "sano"),
        *("ninguno", "sin grieta", "bueno", "nenhum", "geen", "нет", "正常"),
    ],
)
def test_names_that_may_mean_nothing_are_classes(name: str) -> None:
    assert may_mean_nothing(name)
    assert may_be_class(name)


@pytest.mark.parametrize(
    "name",
    [
        *("nose", "note", "goods", "notebook", "backgrounds", "nana", "1", "bgr", "cat"),
        *("single", "since", "semi", "nonna", "keiner Art", "gutter", "sanol", "aucuba"),
    ],
)
def test_other_names_mean_themselves(name: str) -> None:
    assert may_be_class(name)
    assert not may_mean_nothing(name)


def test_a_background_in_front_has_the_id_0() -> None:
    assert after_background(["_background_", "cat", "dog"]) == ["cat", "dog"]
    assert after_background(["cat", "background"]) == ["cat", "background"]
    assert after_background([]) == []


@pytest.mark.parametrize("classes", [("none", "cat"), ("cat", "none"), ("cat",)])
def test_a_class_called_like_the_background_keeps_its_id_in_corrections(
    tmp_path: Path, classes: tuple[str, ...]
) -> None:
    (tmp_path / "classes.txt").write_text("none\ncat\n")
    expected = ("none", "cat") if "none" in classes else ("cat",)
    assert read_corrections(tmp_path, "png", classes).names == expected


def make_csv(folder: Path, by_image: dict[str, str]) -> None:
    add_images(folder / "images", *(f"{name}.jpg" for name in by_image))
    rows = [f"{name}.jpg,{label}" for name, label in by_image.items()]
    (folder / "labels.csv").write_text("\n".join(["image,labels", *rows]) + "\n")


def make_imagefolder(folder: Path, by_image: dict[str, str]) -> None:
    add_images(folder, *(f"{label}/{name}.jpg" for name, label in by_image.items()))


def make_boxes(folder: Path, by_image: dict[str, str]) -> None:
    add_images(folder / "images", *(f"{name}.jpg" for name in by_image))
    names = sorted(set(by_image.values()))
    document = {
        "images": [{"id": i, "file_name": f"{name}.jpg"} for i, name in enumerate(by_image)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(names)],
        "annotations": [
            {"id": i, "image_id": i, "category_id": names.index(label)}
            for i, label in enumerate(by_image.values())
        ],
    }
    write_json(folder / "annotations" / "instances.json", document)


def make_objects(folder: Path, by_image: dict[str, str]) -> None:
    make_voc(folder, {name: [(label, 0)] for name, label in by_image.items()})


def make_tasks(folder: Path, by_image: dict[str, str]) -> None:
    add_images(folder, *(f"{name}.jpg" for name in by_image))
    tasks = [{"image": f"/data/{name}.jpg", "choice": label} for name, label in by_image.items()]
    (folder / "export.json").write_text(json.dumps(tasks))


def make_tags(folder: Path, by_image: dict[str, str]) -> None:
    add_images(folder, *(f"{name}.jpg" for name in by_image))
    images = [f'<image name="{n}.jpg"><tag label="{label}"/></image>' for n, label in by_image.items()]
    (folder / "annotations.xml").write_text(f"<annotations>{''.join(images)}</annotations>")


MAKERS: dict[Source, Callable[[Path, dict[str, str]], None]] = {
    "csv": make_csv,
    "imagefolder": make_imagefolder,
    "coco": make_boxes,
    "voc": make_objects,
    "labelstudio": make_tasks,
    "cvat": make_tags,
}


def read(source: Source, folder: Path, name: str, **changes: object) -> Inspection:
    by_image = {f"{key}{i}": label for key, label in (("a", "cat"), ("b", name)) for i in range(COUNT)}
    MAKERS[source](folder, by_image)
    return inspect(source, folder, **changes)


def of_images(inspection: Inspection) -> dict[str, tuple[str, ...]]:
    return {name.rpartition("/")[2]: values for name, values in labels(inspection).items()}


@pytest.mark.parametrize("source", MAKERS)
@pytest.mark.parametrize("name", ["background", "Background", "nan"])
def test_the_background_is_no_label_in_any_kind_of_folder(source: Source, name: str, tmp_path: Path) -> None:
    inspection = read(source, tmp_path, name)
    expected = {f"a{i}": ("cat",) for i in range(COUNT)} | {f"b{i}": () for i in range(COUNT)}
    assert of_images(inspection) == expected
    assert any(f"'{name}' (4 images): no label. If it is a class" in line for line in inspection.warnings)


@pytest.mark.parametrize("source", MAKERS)
@pytest.mark.parametrize("name", ["ignore", "Void", "unlabelled"])
def test_images_of_what_does_not_count_are_left_out(source: Source, name: str, tmp_path: Path) -> None:
    inspection = read(source, tmp_path, name)
    assert of_images(inspection) == {f"a{i}": ("cat",) for i in range(COUNT)}
    assert any(f"'{name}' (4 images): no class, and 255 in masks" in line for line in inspection.warnings)
    assert any("4 without one" in line for line in inspection.warnings)


@pytest.mark.parametrize("source", MAKERS)
def test_a_name_of_the_background_may_be_a_class(source: Source, tmp_path: Path) -> None:
    inspection = read(source, tmp_path, "empty", rename={"empty": "leer"})
    assert set(of_images(inspection).values()) == {("cat",), ("leer",)}
    inspection = inspect(source, tmp_path, classes=("cat", "empty"))
    assert set(of_images(inspection).values()) == {("cat",), ("empty",)}


@pytest.mark.parametrize("source", MAKERS)
def test_a_class_that_means_nothing_can_be_made_no_label(source: Source, tmp_path: Path) -> None:
    inspection = read(source, tmp_path, "good")
    assert set(of_images(inspection).values()) == {("cat",), ("good",)}
    inspection = inspect(source, tmp_path, rename={"good": "background"})
    assert set(of_images(inspection).values()) == {("cat",), ()}
    assert not any("good" in line for line in inspection.warnings)


def test_ids_of_names_without_a_label_become_0_and_those_that_do_not_count_255(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    make_csv(folder, {f"x{i}": "cat" for i in range(COUNT)})
    (folder / "classes.txt").write_text("background\ncat\ngood\nvoid\n")
    for i in range(COUNT):
        mask = np.zeros(SIZE, np.uint8)
        mask[0], mask[1], mask[2] = 1, 2, 3
        (folder / "masks").mkdir(exist_ok=True)
        write_mask(folder / "masks" / f"x{i}.png", mask)
    inspection = inspect("csv", folder, rename={"good": "background"})
    write_ground_truth(inspection, tmp_path / "full")
    assert inspection.errors == ()
    expected = np.zeros(SIZE, np.uint8)
    expected[0], expected[2] = 1, 255
    np.testing.assert_array_equal(read_mask(tmp_path / "full" / "x0.png"), expected)


def test_outlines_of_the_background_hide_no_object(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    add_images(folder / "images", *(f"{i}.jpg" for i in range(COUNT)))
    whole = {"segmentation": [[0, 0, 8, 0, 8, 6, 0, 6]]}
    document = {
        "images": [
            {"id": i, "file_name": f"{i}.jpg", "height": SIZE[0], "width": SIZE[1]} for i in range(COUNT)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(["background", "cat", "ignore"])],
        "annotations": [
            part
            for i in range(COUNT)
            for part in (
                {"id": 3 * i, "image_id": i, "category_id": 0, **whole},
                {
                    "id": 3 * i + 1,
                    "image_id": i,
                    "category_id": 2,
                    "segmentation": [[0, 0, 2, 0, 2, 6, 0, 6]],
                },
                {
                    "id": 3 * i + 2,
                    "image_id": i,
                    "category_id": 1,
                    "segmentation": [[4, 0, 8, 0, 8, 6, 4, 6]],
                },
            )[: 2 if i == 0 else 3]
        ],
    }
    write_json(folder / "annotations" / "instances.json", document)
    inspection = inspect("coco", folder)
    assert labels(inspection) == {"images/0": ()} | {f"images/{i}": ("cat",) for i in range(1, COUNT)}
    write_ground_truth(inspection, tmp_path / "full")
    expected = np.zeros(SIZE, np.uint8)
    expected[:, :2] = 255
    np.testing.assert_array_equal(read_mask(tmp_path / "full" / "images" / "0.png"), expected)
    expected[:, 4:] = 1
    np.testing.assert_array_equal(read_mask(tmp_path / "full" / "images" / "1.png"), expected)


@pytest.mark.parametrize(
    "name",
    [
        "猫".encode("gbk").decode(),
        "crÃ¢ne",
        "l\x92œuf",
        "l\u2019œuf".encode().decode("cp1252"),
        "cr�ne",
        "ïШ",
        "猫".encode().decode("latin-1"),
    ],
)
def test_text_of_another_encoding_is_garbled(name: str) -> None:
    assert is_garbled(name)


@pytest.mark.parametrize(
    "name",
    [
        *(
            "cat",
            "crâne",
            "pomme à cidre",
            "l\u2019œuf",
            "Öl",
            "ær",
            "naïve",
            "São Paulo",
            "猫",
            "ネコ",
            "고양이",
        ),
        *("кошка", "γάτα", "قط", "חתול", "แมว", "बिल्ली", "1", "", "½", "50 °C", "© 2020", "e\u0301te"),
    ],
)
def test_words_of_many_scripts_are_not_garbled(name: str) -> None:
    assert not is_garbled(name)
