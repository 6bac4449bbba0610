"""The kind of a folder: no guess ends in one class for everything without a word."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from pipeline.data.images import write_mask
from pipeline.data.sources.detect import detect_source
from tests.data.folders import SIZE, add_images, inspect, labels, make_coco, samples, write_json


def bare(*names: str) -> Callable[[Path], None]:
    return lambda folder: add_images(folder, *names)


@pytest.mark.parametrize(
    "make",
    [
        bare("a.jpg", "b.jpg"),
        bare("images/a.jpg", "images/sub/b.jpg"),
        bare("Photos/a.jpg", "Photos/b.jpg"),
        bare("data/raw/a.jpg", "data/raw/b.jpg"),
        bare("train/a.jpg", "train/b.jpg", "test/c.jpg"),
        bare("train/images/a.jpg", "val/images/b.jpg"),
        bare("JPG/a.jpg"),
    ],
)
def test_images_without_labels_are_no_class(tmp_path: Path, make: Callable[[Path], None]) -> None:
    make(tmp_path)
    assert detect_source(tmp_path) == "csv"
    (error, *_) = inspect("csv", tmp_path).errors
    assert "labels.csv: expected a table of the labels, got no such file" in error
    assert "--write-labels" in error


def test_the_table_of_label_studio_is_read(tmp_path: Path) -> None:
    add_images(tmp_path, *(f"photos/{name}.jpg" for name in "abcd"))
    lines = [
        f"/data/upload/3/0a1b2c3{i}-{name}.jpg,{i},{'cat' if i % 2 else 'dog'}"
        for i, name in enumerate("abcd")
    ]
    (tmp_path / "project.csv").write_text("\n".join(["image,id,choice", *lines]))
    assert detect_source(tmp_path) == "csv"
    assert labels(inspect("csv", tmp_path))["photos/b"] == ("cat",)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-8"])
def test_json_in_the_encodings_of_windows(tmp_path: Path, encoding: str) -> None:
    add_images(tmp_path, *(f"photos/{name}.jpg" for name in "ab"))
    tasks = ", ".join(f'{{"image": "/x/{name}.jpg", "choice": "cat"}}' for name in "ab")
    (tmp_path / "export.json").write_text(f"[{tasks}]", encoding=encoding)
    assert detect_source(tmp_path) == "labelstudio"
    assert labels(inspect("labelstudio", tmp_path)) == {"photos/a": ("cat",), "photos/b": ("cat",)}


@pytest.mark.parametrize("name", ["dataset-metadata.json", ".ipynb_checkpoints/x.json", "package.json"])
def test_other_json_decides_on_nothing(tmp_path: Path, name: str) -> None:
    add_images(tmp_path, *(f"{kind}/{i}.jpg" for kind in ("cat", "dog") for i in range(2)))
    write_json(tmp_path / name, {"title": "cats", "id": "me/cats"})
    assert detect_source(tmp_path) == "imagefolder"


def test_a_table_without_the_images_decides_on_nothing(tmp_path: Path) -> None:
    add_images(tmp_path, *(f"{kind}/{i}.jpg" for kind in ("cat", "dog") for i in range(2)))
    (tmp_path / "people.csv").write_text("name,class\nAnn,1\nBob,2\n")
    assert detect_source(tmp_path) == "imagefolder"


def test_lists_of_files_are_the_splits(tmp_path: Path) -> None:
    add_images(tmp_path, *(f"{kind}/{i}.jpg" for kind in ("cat", "dog") for i in range(4)))
    (tmp_path / "train.txt").write_text("cat/0.jpg 0\n./dog/0.jpg 1\ncat/1\n/x/dog/1.jpg\n")
    (tmp_path / "val.txt").write_text("cat/2.jpg\ndog\\2.jpg\ncat/1\n")
    inspection = inspect("imagefolder", tmp_path)
    assert inspection.manifest is not None
    assert {s.name: s.split for s in inspection.manifest.samples} == {
        **dict.fromkeys(("cat/0", "cat/1", "dog/0", "dog/1"), "train"),
        **dict.fromkeys(("cat/2", "dog/2"), "val"),
    }
    said = "\n".join(inspection.warnings)
    assert "2 in none of train.txt, val.txt: cat/3, dog/3. They are left out" in said
    assert "1 in several of train.txt, val.txt: cat/1. The first counts" in said


def test_coco_beside_labels_of_yolo_is_coco(tmp_path: Path) -> None:
    make_coco(tmp_path)
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "both.txt").write_text("0 0.5 0.5 1 1\n")
    assert detect_source(tmp_path) == "coco"


NO_LABELS = {
    "lists of COCO's names": {"images": [], "annotations": {}, "@context": {}},
    "one list": {"categories": ["a", "b"]},
    "a number": {"images": 3},
    "annotations": {"annotations": [{"id": 1}]},
    "a list of numbers": [1, 2, 3],
    "a list of text": ["a", "b"],
    "a list of objects": [{"a": 1}],
    "shapes": {"shapes": [1, 2]},
    "regions": {"regions": ["eu"]},
    "a number alone": 3,
}


@pytest.mark.parametrize("kind", NO_LABELS)
def test_json_without_the_structure_of_a_format_decides_on_nothing(tmp_path: Path, kind: str) -> None:
    add_images(tmp_path, *(f"{label}/{i}.jpg" for label in ("cat", "dog") for i in range(2)))
    write_json(tmp_path / "config.json", NO_LABELS[kind])
    assert detect_source(tmp_path) == "imagefolder"
    warnings = inspect("imagefolder", tmp_path).warnings
    assert any("1 others: config.json. They are not read." in line for line in warnings)


@pytest.mark.parametrize("kind", NO_LABELS)
def test_json_without_the_structure_of_coco_is_passed_over(tmp_path: Path, kind: str) -> None:
    make_coco(tmp_path)
    write_json(tmp_path / "config.json", NO_LABELS[kind])
    assert detect_source(tmp_path) == "coco"
    inspection = inspect("coco", tmp_path)
    assert inspection.errors == ()
    assert any("1 others: config.json. They are left out." in line for line in inspection.warnings)


@pytest.mark.parametrize("kind", NO_LABELS)
def test_json_without_tasks_or_regions_is_passed_over(tmp_path: Path, kind: str) -> None:
    add_images(tmp_path, *(f"photos/{name}.jpg" for name in "abcd"))
    write_json(tmp_path / "config.json", NO_LABELS[kind])
    tasks = [{"image": f"/x/{name}.jpg", "choice": "cat" if name < "c" else "dog"} for name in "abcd"]
    write_json(tmp_path / "export.json", tasks)
    assert detect_source(tmp_path) == "labelstudio"
    inspection = inspect("labelstudio", tmp_path)
    assert inspection.errors == ()
    assert any("config.json" in line and "left out" in line for line in inspection.warnings)
    (tmp_path / "export.json").unlink()
    region = {"shape_attributes": {}, "region_attributes": {"class": "cat"}}
    write_json(
        tmp_path / "via.json", {n: {"filename": f"{n}.jpg", "size": 1, "regions": [region]} for n in "abcd"}
    )
    assert detect_source(tmp_path) == "via"
    inspection = inspect("via", tmp_path)
    assert inspection.errors == ()
    assert any("config.json" in line and "left out" in line for line in inspection.warnings)


@pytest.mark.parametrize(
    "value", [{"images": [], "annotations": []}, {"images": {"a": 1}}, {"categories": 3}]
)
def test_a_broken_file_of_coco_beside_images_alone_is_named(tmp_path: Path, value: object) -> None:
    add_images(tmp_path, "images/a.jpg", "images/b.jpg")
    write_json(tmp_path / "labels.json", value)
    assert detect_source(tmp_path) == "coco"
    (error, *_) = inspect("coco", tmp_path).errors
    assert "labels.json: expected an object with lists `images`" in error


@pytest.mark.parametrize(
    "pattern", ["{split}_{label}", "{label}-{split}", "x/{split} {label}", "{Split}{Label}"]
)
def test_folders_named_as_split_and_class_are_read_and_said(tmp_path: Path, pattern: str) -> None:
    names = {
        (label, split): pattern.format(
            split=split, label=label, Split=split.capitalize(), Label=label.capitalize()
        )
        for label in ("cats", "dogs")
        for split in ("train", "val", "test")
    }
    add_images(tmp_path, *(f"{name}/{i}.jpg" for name in names.values() for i in range(3)))
    assert detect_source(tmp_path) == "imagefolder"
    inspection = inspect("imagefolder", tmp_path)
    found = {name: label for name, (label,) in labels(inspection).items()}
    assert inspection.manifest is not None
    splits = {sample.name: sample.split for sample in inspection.manifest.samples}
    for (label, split), name in names.items():
        assert {found[f"{name}/{i}"].casefold() for i in range(3)} == {label}
        assert {splits[f"{name}/{i}"] for i in range(3)} == {split}
    expected = "expected folders SPLIT/CLASS/, got 6 named as a split and a class"
    assert any(expected in line for line in inspection.warnings)


@pytest.mark.parametrize(
    "folders",
    [("train_images", "test_images"), ("set_train", "set_test"), ("train", "test"), ("train_1", "test_2")],
)
def test_splits_without_classes_are_no_classes(tmp_path: Path, folders: tuple[str, ...]) -> None:
    add_images(tmp_path, *(f"{folder}/{i}.jpg" for folder in folders for i in range(3)))
    assert detect_source(tmp_path) == "csv"


@pytest.mark.parametrize("image", ["image", "imagefilename"])
@pytest.mark.parametrize("label", [{"label": "cat"}, {"label": "cat", "type": "rectangle"}])
@pytest.mark.parametrize("place", ["coordinates", "bbox"])
def test_boxes_beside_images_are_no_tasks(
    image: str, label: dict[str, str], place: str, tmp_path: Path
) -> None:
    box = {**label, place: {"x": 8, "y": 8, "width": 4, "height": 4}}
    write_json(tmp_path / "boxes.json", [{image: "folder/a.png", "annotations": [box]}])
    add_images(tmp_path, "images/a.png", "images/b.png")
    assert detect_source(tmp_path) != "labelstudio"
    (error,) = inspect(detect_source(tmp_path), tmp_path).errors
    assert "boxes.json" in error
    assert "COCO" in error


RESULT = [{"type": "choices", "value": {"choices": ["cat"]}}]
TASKS = {
    "data first": {"data": {"image": "/x/a.png"}, "annotations": [{"result": RESULT}]},
    "annotations first": {"annotations": [{"id": 1, "result": RESULT}], "data": {"image": "/x/a.png"}},
    "of an old version": {"completions": [{"result": RESULT}], "data": {"photo": "a.png"}},
    "without annotations": {"id": 1, "annotations": [], "data": {"text": "x", "where": "s3://x/a.png"}},
    "JSON-MIN": {"id": 1, "image": "/x/a.png", "choice": "cat", "annotator": 1},
    "JSON-MIN of regions": {"where": "/x/a.png", "tag": [{"rectanglelabels": ["cat"], "x": 1}]},
}


@pytest.mark.parametrize("kind", TASKS)
def test_tasks_are_known_by_their_structure(tmp_path: Path, kind: str) -> None:
    add_images(tmp_path, "images/a.png", "images/b.png")
    write_json(tmp_path / "export.json", [TASKS[kind]])
    assert detect_source(tmp_path) == "labelstudio"


@pytest.mark.parametrize("above", ["", "VOCdevkit/VOC2012/"])
def test_a_year_of_voc_with_masks_alone_is_a_folder_of_masks(tmp_path: Path, above: str) -> None:
    names = [f"{kind}{i}" for kind in ("cat", "dog") for i in range(3)]
    add_images(tmp_path, *(f"{above}JPEGImages/{name}.jpg" for name in names))
    for name in names:
        mask = np.zeros(SIZE, np.uint8)
        mask[1:4, 2:5] = 1 if name.startswith("cat") else 2
        write_mask(tmp_path / f"{above}SegmentationClass/{name}.png", mask)
    (tmp_path / "classes.txt").write_text("cat\ndog\n")
    lists = tmp_path / f"{above}ImageSets/Segmentation"
    lists.mkdir(parents=True)
    (lists / "train.txt").write_text("".join(f"{name}\n" for name in names if not name.endswith("2")))
    (lists / "val.txt").write_text("cat2\ndog2\n")
    assert detect_source(tmp_path) == "masks"
    inspection = inspect("masks", tmp_path)
    assert labels(inspection) == {f"{above}JPEGImages/{name}": (name[:3],) for name in names}
    assert {s.name[-1] for s in samples(inspection).values() if s.split == "val"} == {"2"}
    (tmp_path / f"{above}Annotations").mkdir()
    assert detect_source(tmp_path) == "voc"
