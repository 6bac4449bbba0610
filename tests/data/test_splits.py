"""Words for splits in names of folders and files, in any position and common spelling."""

from pathlib import Path

import pytest

from pipeline.data.sources.splits import split_of, split_of_path
from tests.data.folders import SIZE, add_images, inspect, labels, samples, write_json


@pytest.mark.parametrize(
    ("names", "split"),
    [
        (
            ("train", "Training", "seg_train", "train2017", "train_annotations", "TrainImages", "train_aug"),
            "train",
        ),
        (("val", "Valid", "validation", "dev", "val2017", "instances_val2017", "my-val-set", "VAL"), "val"),
        (("test", "Test", "testing", "test_coco", "seg_test", "Test Set"), "test"),
        (("trainval", "train_val", "contest", "latest", "restrain", "developers", "value", "", "7"), None),
    ],
)
def test_words_of_splits(names: tuple[str, ...], split: str | None) -> None:
    assert {name: split_of(name) for name in names} == dict.fromkeys(names, split)


def test_the_innermost_folder_decides() -> None:
    assert split_of_path("train/val/a.jpg") == "val"
    assert split_of_path("data/train/images/test.jpg") == "train"
    assert split_of_path("test.jpg") is None


def test_a_folder_without_classes_beside_those_of_splits_is_left_out(tmp_path: Path) -> None:
    names = [
        f"{split}/{kind}/{i}.jpg" for split in ("train", "val") for kind in ("cats", "dogs") for i in "12"
    ]
    add_images(tmp_path, *names, "pred/1.jpg", "pred/2.jpg")
    inspection = inspect("imagefolder", tmp_path)
    assert inspection.manifest is not None
    assert inspection.manifest.classes == ("cats", "dogs")
    assert {sample.split for sample in inspection.manifest.samples} == {"train", "val"}
    assert any("2 beside them: pred/1.jpg, pred/2.jpg. They are left out." in w for w in inspection.warnings)


def test_unlabelled_photos_of_a_split_are_left_out(tmp_path: Path) -> None:
    names = [f"Training/{kind}/{i}.jpg" for kind in ("cats", "dogs") for i in "1234"]
    add_images(tmp_path, *names, "Test/1.jpg")
    inspection = inspect("imagefolder", tmp_path)
    assert set(labels(inspection).values()) == {("cats",), ("dogs",)}
    assert any("1 beside them: Test/1.jpg." in line for line in inspection.warnings)


@pytest.mark.parametrize("above", ["seg_{}/seg_{}", "{}/{}", "seg_{}", "archive/seg_{}/seg_{}"])
def test_splits_in_splits_and_below_the_name_of_the_data(tmp_path: Path, above: str) -> None:
    folders = [above.format(split, split) for split in ("train", "test")]
    add_images(
        tmp_path, *(f"{f}/{kind}/{i}.jpg" for f in folders for kind in ("sea", "forest") for i in "123")
    )
    by_name = samples(inspect("imagefolder", tmp_path))
    assert {name: s.split for name, s in by_name.items() if "test" in name} == {
        f"{folders[1]}/{kind}/{i}": "test" for kind in ("sea", "forest") for i in "123"
    }
    assert {label for sample in by_name.values() for label in sample.labels} == {0, 1}


@pytest.mark.parametrize("below", ["{}", "my_{}", "{}/more"])
def test_splits_may_lie_in_the_classes(tmp_path: Path, below: str) -> None:
    names = [
        f"{kind}/{below.format(split)}/{i}.jpg"
        for kind in ("sea", "forest")
        for split in ("train", "val", "Test")
        for i in "12"
    ]
    add_images(tmp_path, *names)
    by_name = samples(inspect("imagefolder", tmp_path))
    expected = {name.removesuffix(".jpg"): split_of_path(name) for name in names}
    assert {name: sample.split for name, sample in by_name.items()} == expected
    assert {label for sample in by_name.values() for label in sample.labels} == {0, 1}


def test_an_image_beside_splits_in_a_class_takes_them_from_all(tmp_path: Path) -> None:
    add_images(
        tmp_path, *(f"{k}/{s}/{i}.jpg" for k in "ab" for s in ("train", "val") for i in "123"), "a/9.jpg"
    )
    inspection = inspect("imagefolder", tmp_path)
    assert len(samples(inspection)) == 13
    assert any("expected a split val, got none" in line for line in inspection.warnings)


def test_a_class_may_be_named_as_a_split_and_it_is_said(tmp_path: Path) -> None:
    add_images(tmp_path, *(f"{kind}/{i}.jpg" for kind in ("bus", "car", "train") for i in "123"))
    inspection = inspect("imagefolder", tmp_path)
    assert inspection.manifest is not None
    assert inspection.manifest.classes == ("bus", "car", "train")
    assert any("got 1 named as a split: train. Are they classes?" in line for line in inspection.warnings)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["cats/1.jpg", "cats/2.jpg", "cats/3.jpg"], "the one class 'cats' for all images"),
        (["Photos/1.jpg", "Photos/2.jpg", "dogs/1.jpg", "dogs/2.jpg"], "1 named as a kind of files: Photos"),
        (["Pets/cat/1.jpg", "Pets/cat/2.jpg", "Pets/dog/1.jpg", "Pets/dog/2.jpg"], "got them in Pets. The"),
    ],
)
def test_names_that_may_be_no_classes_are_said(tmp_path: Path, names: list[str], said: str) -> None:
    add_images(tmp_path, *names)
    assert any(said in line for line in inspect("imagefolder", tmp_path).warnings)


def test_coco_files_may_be_named_by_their_split_anywhere(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        add_images(tmp_path / "images", f"{split}.jpg")
        document = {
            "images": [{"id": 1, "file_name": f"{split}.jpg", "height": SIZE[0], "width": SIZE[1]}],
            "categories": [{"id": 1, "name": "cat"}],
            "annotations": [{"image_id": 1, "category_id": 1}],
        }
        name = f"{split}_coco.json" if split == "test" else f"annotations/{split}_annotations.json"
        write_json(tmp_path / name, document)
    by_name = samples(inspect("coco", tmp_path))
    assert {name: s.split for name, s in by_name.items()} == {
        f"images/{split}": split for split in ("train", "val", "test")
    }
