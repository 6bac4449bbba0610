"""COCO as tools write it: crowds, ids, sizes, outlines and file names of many kinds."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.corrections.inspection import inspect_corrections
from pipeline.data.corrections.read import read_corrections
from pipeline.data.images import read_mask, write_mask
from pipeline.data.inspection import Inspection, write_ground_truth
from pipeline.data.manifest import Split
from pipeline.data.sources.detect import detect_source
from pipeline.data.sources.identifiers import Identifiers, whole_number
from pipeline.export.coco import export_coco
from pipeline.export.items import ExportItem
from tests.data.folders import SIZE, add_images, inspect, labels, samples, write_json

COUNT = 6  # images; the first half shows cats, the other dogs
NAMES = ("cat", "dog")
SQUARE = [[2, 1, 5, 1, 5, 4, 2, 4]]  # columns 2 to 4, rows 1 to 3
RUNS = {"size": list(SIZE), "counts": [13, 3, 3, 3, 3, 3, 20]}  # the same pixels
SQUARE_PIXELS = np.zeros(SIZE, bool)
SQUARE_PIXELS[1:4, 2:5] = True

Document = dict[str, Any]


def document(outline: object = SQUARE, **annotation: object) -> Document:
    """One object in each image."""
    return {
        "images": [
            {"id": i, "file_name": f"{i}.jpg", "height": SIZE[0], "width": SIZE[1]} for i in range(COUNT)
        ],
        "categories": [{"id": i, "name": name} for i, name in enumerate(NAMES)],
        "annotations": [
            {
                "id": i,
                "image_id": i,
                "category_id": int(i >= COUNT // 2),
                "segmentation": outline,
                **annotation,
            }
            for i in range(COUNT)
        ],
    }


def read(folder: Path, value: Document, file: str = "instances.json", **changes: object) -> Inspection:
    if not (folder / "images").exists():
        add_images(folder / "images", *(f"{i}.jpg" for i in range(COUNT)))
    write_json(folder / file, value)
    return inspect("coco", folder, **changes)


def of_images(inspection: Inspection) -> list[tuple[str, ...]]:
    return list(labels(inspection).values())


def drawn(inspection: Inspection, folder: Path) -> dict[str, list[list[int]]]:
    write_ground_truth(inspection, folder)
    return {file.stem: read_mask(file).tolist() for file in sorted(folder.rglob("*.png"))}


RIGHT = [("cat",)] * 3 + [("dog",)] * 3
MASKS = {str(i): (SQUARE_PIXELS * (1 + i // 3)).tolist() for i in range(COUNT)}


@pytest.mark.parametrize("flag", [1, "1", True, 1.0])
@pytest.mark.parametrize("outline", [SQUARE, RUNS])
def test_crowds_are_masks_where_a_class_has_nothing_else(
    flag: object, outline: object, tmp_path: Path
) -> None:
    inspection = read(tmp_path / "in", document(outline, iscrowd=flag))
    assert of_images(inspection) == RIGHT
    assert drawn(inspection, tmp_path / "full") == MASKS
    assert any("crowds: 3 of 3 of 'cat', 3 of 3 of 'dog'" in line for line in inspection.warnings)


@pytest.mark.parametrize("flag", [0, "0", False, None, 0.0, "", "no"])
def test_what_is_no_crowd(flag: object, tmp_path: Path) -> None:
    inspection = read(tmp_path / "in", document(iscrowd=flag))
    assert drawn(inspection, tmp_path / "full") == MASKS
    assert not any("crowds" in line for line in inspection.warnings)


def test_crowds_of_a_class_with_objects_do_not_count_and_are_named(tmp_path: Path) -> None:
    value = document()
    value["annotations"][0]["iscrowd"] = "1"
    inspection = read(tmp_path / "in", value)
    assert drawn(inspection, tmp_path / "full")["0"] == (SQUARE_PIXELS * 255).tolist()
    assert any("crowds: 1 of 3 of 'cat'. They are 255" in line for line in inspection.warnings)


def test_crowds_are_corrections_too(tmp_path: Path) -> None:
    manifest = read(tmp_path / "in", document()).manifest
    assert manifest is not None
    value = document(RUNS, iscrowd=1)
    value["images"] = [
        {"id": f"{e['id']}", "file_name": f"x\\images\\{e['file_name']}"} for e in value["images"]
    ]
    train = {s.name.removeprefix("images/") for s in manifest.split("train")}
    value["images"] = [e for e in value["images"] if e["id"] in train]
    value["annotations"] = [a for a in value["annotations"] if str(a["image_id"]) in train]
    write_json(tmp_path / "corrected.json", value)
    parsed = read_corrections(tmp_path / "corrected.json", "coco", manifest.classes)
    corrections = inspect_corrections(parsed, manifest, manifest.classes, 10)
    assert corrections.errors == ()
    assert {name.removeprefix("images/") for name in corrections.masks} == train


@pytest.mark.parametrize("first", [1, "1", "a"])
def test_ids_of_images_come_once(first: object, tmp_path: Path) -> None:
    value = document()
    value["images"][3]["id"] = value["images"][0]["id"] = first
    value["images"][4]["id"] = value["images"][1]["id"]
    inspection = read(tmp_path, value)
    errors = [line for line in inspection.errors if "each id once" in line]
    assert len(errors) == (3 if first == 1 else 2)
    assert (
        f"instances.json, images[3]: expected each id once, got {first!r} again, after images[0]"
        in "".join(errors)
    )


def test_ids_of_categories_come_once_unless_they_say_the_same(tmp_path: Path) -> None:
    value = document()
    value["categories"].append({"id": 0, "name": "cat"})
    assert of_images(read(tmp_path, value)) == RIGHT
    value["categories"].append({"id": 0.0, "name": "cow"})
    (error,) = read(tmp_path, value).errors
    assert "categories[3]: expected each id once, got 0.0 again, after categories[0]" in error


@pytest.mark.parametrize("identifier", [7, "b", 12.0])
def test_a_name_of_several_categories_is_named(identifier: object, tmp_path: Path) -> None:
    value = document()
    first = value["categories"][0]
    value["categories"].append({"id": identifier, "name": first["name"]})
    (warning,) = [line for line in read(tmp_path, value).warnings if "a name of its own" in line]
    assert (
        f"got 1 shared: {first['name']} (ids {first['id']}, {identifier}). They are read as one class"
        in warning
    )


def test_ids_of_annotations_that_come_again_are_named(tmp_path: Path) -> None:
    inspection = read(tmp_path / "in", document(id=7))
    assert any("5 again: 7 (annotations[1]), 7" in line for line in inspection.warnings)
    assert of_images(inspection) == RIGHT
    assert drawn(inspection, tmp_path / "full") == MASKS


def test_ids_may_come_again_in_another_file(tmp_path: Path) -> None:
    add_images(tmp_path / "train", *(f"{i}.jpg" for i in range(COUNT)))
    add_images(tmp_path / "valid", *(f"{i}.jpg" for i in range(COUNT)))
    write_json(tmp_path / "train" / "a.json", document())
    write_json(tmp_path / "valid" / "a.json", document())
    assert len(samples(inspect("coco", tmp_path))) == 2 * COUNT


@pytest.mark.parametrize("write", [str, float, lambda i: f"{i}.0", lambda i: f" {i}"])
@pytest.mark.parametrize("place", ["images", "categories", "annotations"])
def test_ids_are_matched_by_value(write: Callable[[int], object], place: str, tmp_path: Path) -> None:
    value = document()
    for entry in value[place]:
        for key in ("image_id", "category_id") if place == "annotations" else ("id",):
            entry[key] = write(entry[key])
    inspection = read(tmp_path / "in", value)
    assert of_images(inspection) == RIGHT
    assert drawn(inspection, tmp_path / "full") == MASKS


def test_numbers_and_text_are_two_ids_where_a_list_has_both() -> None:
    ids = Identifiers([1, "1", "2", 3.0, 1.0, "x"])
    assert [ids.find(value) for value in (1, "1", 2, "3", "x", 4, "1.0", None)] == [
        0,
        1,
        2,
        3,
        5,
        None,
        None,
        None,
    ]
    assert ids.again == [(4, 0)]
    assert Identifiers(["b", 10, "9", 2]).in_order() == [3, 2, 1, 0]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (64, 64),
        (64.0, 64),
        ("64", 64),
        (" 64.0 ", 64),
        (True, None),
        (6.5, None),
        ("6e1", None),
        (None, None),
    ],
)
def test_whole_numbers(value: object, number: int | None) -> None:
    assert whole_number(value) == number
    assert whole_number("9" * 5000) is None


def test_an_id_that_is_not_there_is_named_as_it_is_written(tmp_path: Path) -> None:
    value = document()
    value["annotations"][0]["image_id"], value["annotations"][1]["category_id"] = "9", "x"
    warnings = "\n".join(read(tmp_path, value).warnings)
    assert (
        "expected an image_id of the images in each annotation, got 1 of 6 others: '9' (annotations[0])"
        in warnings
    )
    assert (
        "expected a category_id of the categories in each annotation, got 1 of 6 others: 'x' (annotations[1])"
        in warnings
    )


def test_names_of_categories_may_be_numbers(tmp_path: Path) -> None:
    value = document()
    value["categories"] = [{"id": 0, "name": 7}, {"id": 1, "name": 8}]
    assert of_images(read(tmp_path, value)) == [("7",)] * 3 + [("8",)] * 3


@pytest.mark.parametrize(
    "bad", [[[5, 5, 25, 25]], [[]], [[0, 0, 1, "a", 2, 2]], {"size": [9, 9], "counts": [81]}, "x"]
)
def test_an_outline_that_cannot_be_drawn_costs_the_mask_and_not_the_label(
    bad: object, tmp_path: Path
) -> None:
    value = document()
    value["annotations"][0]["segmentation"] = bad
    for policy in ("error", "skip"):
        inspection = read(tmp_path / "in", value, on_bad_image=policy)
        assert of_images(inspection) == RIGHT
        assert [s.mask for s in samples(inspection).values()] == [False] + [True] * 5
        (warning,) = [line for line in inspection.warnings if "outlines" in line]
        assert "1 images with others: images/0 (annotations[0]: expected" in warning
    assert drawn(inspection, tmp_path / "full") == {k: v for k, v in MASKS.items() if k != "0"}


@pytest.mark.parametrize("part", [[], [3, 3], [1, 1, 4, 4]])
def test_a_part_of_an_outline_without_an_area_draws_nothing(part: list[int], tmp_path: Path) -> None:
    inspection = read(tmp_path / "in", document([part, *SQUARE]))
    assert drawn(inspection, tmp_path / "full") == MASKS


@pytest.mark.parametrize(
    ("size", "said"),
    [
        ((None, None), False),
        ((6.0, 8.0), False),
        (("6", "8"), False),
        (("", 8), True),
        ((0, 0), True),
        (("tall", "wide"), True),
        (("6 px", "8 px"), True),
        ((None, "8 px"), True),
        (([], {}), True),
    ],
)
def test_sizes_are_those_of_the_images_where_the_file_has_none(
    size: tuple[Any, Any], said: bool, tmp_path: Path
) -> None:
    value = document()
    for entry in value["images"]:
        entry["height"], entry["width"] = size
        if size == (None, None):
            del entry["height"], entry["width"]
    inspection = read(tmp_path / "in", value)
    assert drawn(inspection, tmp_path / "full") == MASKS
    named = f"{COUNT} others: images[0] ({size[0]!r} x {size[1]!r})"
    assert said == any(named in line and "instances.json" in line for line in inspection.warnings)


def test_sizes_are_not_looked_at_where_nothing_is_drawn(tmp_path: Path) -> None:
    value = document(None)
    value["images"][0]["height"] = "6 px"
    assert not any("height" in line for line in read(tmp_path, value).warnings)


def test_outlines_of_another_size_than_the_image_are_not_drawn(tmp_path: Path) -> None:
    value = document()
    value["images"][1]["height"] = 60
    inspection = read(tmp_path, value)
    assert of_images(inspection) == RIGHT
    assert any("images/1 (drawn for 60 x 8 pixels" in line for line in inspection.warnings)


@pytest.mark.parametrize(
    ("prefix", "file"),
    [
        ("images\\1\\", "instances.json"),
        ("../images/", "annotations/instances.json"),
        ("/home/me/data/images/", "result.json"),
        ("C:\\data\\", "result.json"),
        ("https://host/data/upload/", "result.json"),
        ("./", "instances.json"),
    ],
)
def test_images_are_found_by_the_end_of_their_path(prefix: str, file: str, tmp_path: Path) -> None:
    value = document()
    for entry in value["images"]:
        entry["file_name"] = prefix + entry["file_name"]
    inspection = read(tmp_path, value, file)
    assert of_images(inspection) == RIGHT
    assert sorted(samples(inspection)) == [f"images/{i}" for i in range(COUNT)]


@pytest.mark.parametrize("folder", ["data", "photos/all", "."])
def test_images_may_lie_in_any_folder(folder: str, tmp_path: Path) -> None:
    add_images(tmp_path / folder, *(f"{i}.jpg" for i in range(COUNT)))
    (tmp_path / "images").mkdir()
    assert of_images(read(tmp_path, document(), "labels.json")) == RIGHT


def test_names_with_escapes_and_addresses_of_lvis(tmp_path: Path) -> None:
    add_images(tmp_path / "images", *(f"no {i}.jpg" for i in range(COUNT)))
    value = document()
    for i, entry in enumerate(value["images"]):
        entry["file_name"] = f"no%20{i}.jpg"
    assert of_images(read(tmp_path, value)) == RIGHT
    for entry in value["images"]:
        entry["coco_url"] = f"http://images.example.org/train2017/{entry.pop('file_name')}"
    assert of_images(read(tmp_path, value)) == RIGHT


def test_an_image_of_several_folders_is_that_of_the_split(tmp_path: Path) -> None:
    for split in ("train", "val"):
        add_images(tmp_path / "photos" / split, *(f"{i}.jpg" for i in range(COUNT)))
        write_json(tmp_path / "annotations" / f"{split}_annotations.json", document())
    by_name = samples(inspect("coco", tmp_path))
    assert {name: s.split for name, s in by_name.items()} == {
        f"photos/{split}/{i}": split for split in ("train", "val") for i in range(COUNT)
    }
    (tmp_path / "annotations" / "val_annotations.json").unlink()
    (tmp_path / "annotations" / "train_annotations.json").rename(tmp_path / "all.json")
    errors = inspect("coco", tmp_path).errors
    assert "expected one image for '0.jpg', got 2: photos/train/0.jpg, photos/val/0.jpg" in errors[0]


@pytest.mark.parametrize("other", ["dataset-metadata.json", "annotations/info.json", "a.json"])
def test_other_json_is_named_and_does_not_decide(other: str, tmp_path: Path) -> None:
    write_json(tmp_path / other, {"title": "cats", "licenses": [{"name": "CC0-1.0"}]})
    inspection = read(tmp_path, document())
    assert detect_source(tmp_path) == "coco"
    assert of_images(inspection) == RIGHT
    assert any(f"1 others: {other}. They are left out" in line for line in inspection.warnings)


def test_captions_are_named_and_left_out(tmp_path: Path) -> None:
    write_json(tmp_path / "captions_train.json", {"images": [], "annotations": []})
    inspection = read(tmp_path, document())
    assert of_images(inspection) == RIGHT
    assert any("1 others: captions_train.json. They are left out" in line for line in inspection.warnings)
    (tmp_path / "instances.json").rename(tmp_path / "person_keypoints_all.json")
    (tmp_path / "captions_train.json").unlink()
    assert of_images(inspect("coco", tmp_path)) == RIGHT


def test_what_camseg_exports_can_be_read(tmp_path: Path) -> None:
    """Open pixels are outlines called `ignore`, and no class."""
    names = [f"{i}" for i in range(COUNT)]
    add_images(tmp_path / "photos", *(f"{name}.jpg" for name in names))
    masks = {name: np.random.default_rng(i).choice([0, 1, 2, 255], SIZE) for i, name in enumerate(names)}
    items = []
    for i, name in enumerate(names):
        write_mask(tmp_path / "made" / f"{name}.png", masks[name].astype(np.uint8))
        split: Split = "val" if i > 3 else "train"
        image, made = tmp_path / "photos" / f"{name}.jpg", tmp_path / "made"
        items.append(
            ExportItem(name, image, made, *SIZE, split, (0, 1), 0.5, corrected=False, mask_size=SIZE)
        )
    export_coco(items, NAMES, tmp_path / "out")
    inspection = inspect("coco", tmp_path / "out")
    assert inspection.manifest is not None
    assert inspection.manifest.classes == NAMES
    assert [s.split for s in inspection.manifest.samples] == ["train"] * 4 + ["val"] * 2
    assert drawn(inspection, tmp_path / "full") == {name: mask.tolist() for name, mask in masks.items()}
    assert not any("crowds" in line for line in inspection.warnings)


@pytest.mark.parametrize("content", ["", "[]", '[{"annotations": [], "data": {"image": "0.jpg"}}]', "3", "{"])
def test_json_without_an_object_of_lists_is_named(content: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(content)
    inspection = read(tmp_path, document())
    assert detect_source(tmp_path) == "coco"
    assert of_images(inspection) == RIGHT
    assert any("1 others: a.json. They are left out" in line for line in inspection.warnings)


def test_json_of_something_else_makes_no_coco_folder(tmp_path: Path) -> None:
    add_images(tmp_path, "cat/1.jpg", "dog/1.jpg")
    write_json(tmp_path / "dataset-metadata.json", {"title": "cats"})
    assert detect_source(tmp_path) == "imagefolder"
    assert "lists `images`" in inspect("coco", tmp_path).errors[0]


@pytest.mark.parametrize(
    "hidden", [".ipynb_checkpoints/instances-checkpoint.json", ".instances.json", ".git/a.json"]
)
def test_hidden_json_is_passed_over(hidden: str, tmp_path: Path) -> None:
    write_json(tmp_path / hidden, document())
    inspection = read(tmp_path, document())
    assert of_images(inspection) == RIGHT
    assert not any("left out" in line for line in inspection.warnings)


def test_a_few_of_more_classes_than_masks_can_hold_can_be_picked(tmp_path: Path) -> None:
    value = document()
    extra = [{"id": 2 + i, "name": f"thing {i}"} for i in range(400)]
    value["categories"] = [*extra, *value["categories"]]
    value["annotations"] += [
        {"id": 100 + i, "image_id": 0, "category_id": entry["id"], "segmentation": [[0, 5, 1, 5, 1, 6, 0, 6]]}
        for i, entry in enumerate(extra)
    ]
    inspection = read(tmp_path / "in", value, classes=("dog", "cat"))
    assert of_images(inspection) == RIGHT
    (mask, *_, last) = drawn(inspection, tmp_path / "full").values()
    assert (mask[2][3], mask[5][0], last[2][3]) == (2, 255, 1)
    everything = read(tmp_path / "in", value)
    assert "expected 1 to 254 classes, got 402" in everything.errors[0]


def test_a_bad_record_hides_no_other(tmp_path: Path) -> None:
    value = document()
    value["images"][0] = {"id": 0}
    value["annotations"][2] = {"image_id": 2}
    value["annotations"][4]["category_id"] = 8
    value["categories"].append({"id": None, "name": "cow"})
    inspection = read(tmp_path, value)
    said = "\n".join((*inspection.errors, *inspection.warnings))
    for part in ("images[0]", "annotations[2]", "annotations[4]", "categories[2]", "others: 0"):
        assert part in said


BAD = {
    "no object": None,
    "nan for an image": {"image_id": float("nan"), "category_id": 0},
    "infinity for an image": {"image_id": float("inf"), "category_id": 0},
    "no image": {"category_id": 0},
    "nan for a category": {"image_id": 0, "category_id": float("nan")},
    "text for a category": {"image_id": 0, "category_id": "x"},
    "no category": {"image_id": 0},
}


@pytest.mark.parametrize("kind", BAD)
def test_one_bad_annotation_costs_no_more_than_itself(kind: str, tmp_path: Path) -> None:
    value = document()
    value["annotations"].append(BAD[kind])
    inspection = read(tmp_path, value)
    # What an image with an unknown category shows is not known.
    lost = 1 if "category" in kind else 0
    assert of_images(inspection) == RIGHT[lost:]
    (warning,) = (line for line in inspection.warnings if "annotations[6]" in line)
    assert "1 of 7 others" in warning
    assert "left out" in warning
    assert "Correct them to use them." in warning


def test_many_bad_annotations_are_an_error(tmp_path: Path) -> None:
    value = document()
    for annotation in value["annotations"][:2]:
        annotation["category_id"] = 5
    (error,) = read(tmp_path, value).errors
    assert "got 2 of 6 others: 5 (annotations[0]), 5 (annotations[1]). Export the file again." in error


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), "x", "12"])
@pytest.mark.parametrize("place", ["area", "bbox", "score"])
def test_numbers_that_nothing_reads_may_be_anything(number: object, place: str, tmp_path: Path) -> None:
    value = document()
    value["annotations"][0][place] = number if place == "area" else [0, number]
    inspection = read(tmp_path / "in", value)
    assert of_images(inspection) == RIGHT
    assert drawn(inspection, tmp_path / "full") == MASKS


@pytest.mark.parametrize("number", [float("nan"), float("inf"), "x"])
def test_a_bad_number_in_an_outline_costs_the_mask_and_not_the_label(number: object, tmp_path: Path) -> None:
    value = document()
    value["annotations"][1]["segmentation"] = [[number, *SQUARE[0][1:]]]
    inspection = read(tmp_path / "in", value)
    assert of_images(inspection) == RIGHT
    assert drawn(inspection, tmp_path / "full") == {name: MASKS[name] for name in MASKS if name != "1"}
    assert any("1 images with others: images/1 (annotations[1]" in line for line in inspection.warnings)


@pytest.mark.parametrize("outline", [None, [], "missing", ""])
@pytest.mark.parametrize("count", [1, 2])
def test_images_without_an_outline_are_named(outline: object, count: int, tmp_path: Path) -> None:
    value = document()
    for annotation in value["annotations"][:count]:
        annotation["segmentation"] = outline
        if outline == "missing":
            del annotation["segmentation"]
    inspection = read(tmp_path / "in", value)
    assert of_images(inspection) == RIGHT
    assert set(drawn(inspection, tmp_path / "full")) == {str(i) for i in range(count, COUNT)}
    names = ", ".join(f"images/{i}" for i in range(count))
    warning = (
        f"expected an outline of each object, got {count} images without: {names}. These images have no mask"
    )
    assert any(warning in line for line in inspection.warnings)


@pytest.mark.parametrize("outline", [None, []])
def test_boxes_alone_are_no_word_worth(outline: object, tmp_path: Path) -> None:
    inspection = read(tmp_path, document(outline))
    assert of_images(inspection) == RIGHT
    assert not any("outline" in line for line in inspection.warnings)
