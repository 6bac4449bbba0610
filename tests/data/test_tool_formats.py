"""YOLO, LabelMe, VIA, MVTec and XML of labelImg: what is read, and what is said of the rest."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline.data.images import read_mask
from pipeline.data.inspection import Inspection, write_ground_truth
from pipeline.data.sources.detect import detect_source
from tests.data.folders import SIZE, add_images, inspect, labels, samples, write_json
from tests.image_folder import write_image_file

HALF = "0 0.0 0.0 0.5 0.0 0.5 1.0 0.0 1.0"  # the left half of an image, columns 0 to 3


def masks(inspection: Inspection, folder: Path) -> dict[str, list[list[int]]]:
    write_ground_truth(inspection, folder)
    files = sorted(folder.rglob("*.png"))
    return {file.relative_to(folder).with_suffix("").as_posix(): read_mask(file).tolist() for file in files}


def warned(inspection: Inspection, *parts: str) -> bool:
    return any(all(part in line for part in parts) for line in inspection.warnings)


def refused(inspection: Inspection, *parts: str) -> bool:
    return any(all(part in line for part in parts) for line in inspection.errors)


def make_yolo(folder: Path, image: str = "images/{}/{}", text: str = "labels/{}/{}") -> None:
    """Two splits of a cat, a dog and a background image; `image` and `text` get split and name."""
    lines = {"a": HALF, "b": "1 0.5 0.5 1 1\n", "c": ""}
    for split in ("train", "val"):
        for name, content in lines.items():
            add_images(folder, image.format(split, f"{name}.jpg"))
            file = folder / text.format(split, f"{name}.txt")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content)
    (folder / "data.yaml").write_text("train: ../train/images\nval: x\nnc: 2\nnames: ['cat', 'dog']\n")


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ("images/{}/{}", "labels/{}/{}"),
        ("{}/images/{}", "{}/labels/{}"),
        ("{}/{}", "{}/{}"),
        ("sub/images/{}/{}", "sub/labels/{}/{}"),
    ],
)
def test_yolo(tmp_path: Path, image: str, text: str) -> None:
    folder = tmp_path / "images"
    make_yolo(folder, image, text)
    assert detect_source(folder) == "yolo"
    inspection = inspect("yolo", folder)
    name = {key: image.format("train", key) for key in "abc"}
    assert {key: labels(inspection)[name[key]] for key in "abc"} == {"a": ("cat",), "b": ("dog",), "c": ()}
    assert {s.split for s in samples(inspection).values()} == {"train", "val"}
    drawn = masks(inspection, tmp_path / "full")
    assert drawn[name["a"]] == [[1, 1, 1, 1, 0, 0, 0, 0]] * 6
    assert drawn[name["c"]] == [[0] * 8] * 6
    assert name["b"] not in drawn  # a box is no outline


@pytest.mark.parametrize(
    "names",
    [
        "names:\n  0: cat\n  1: dog\n",
        "names: [cat, dog]\n",
        "names:\n- cat\n- dog\npath: /x\n",
        "names: {'0': cat, '1': dog}\n",
    ],
)
def test_names_of_yolo(tmp_path: Path, names: str) -> None:
    make_yolo(tmp_path)
    (tmp_path / "data.yaml").write_text(names)
    assert labels(inspect("yolo", tmp_path))["images/val/b"] == ("dog",)


def test_yolo_without_names_has_numbers_and_says_so(tmp_path: Path) -> None:
    make_yolo(tmp_path)
    (tmp_path / "data.yaml").unlink()
    inspection = inspect("yolo", tmp_path)
    assert labels(inspection)["images/val/b"] == ("1",)
    assert warned(inspection, "expected names of the classes in data.yaml, got none")
    (tmp_path / "labels" / "classes.txt").write_text("cat\ndog\n")
    assert labels(inspect("yolo", tmp_path))["images/val/b"] == ("dog",)


def test_what_yolo_lacks_is_named(tmp_path: Path) -> None:
    make_yolo(tmp_path)
    add_images(tmp_path, "images/train/bare.jpg", "images/test/1.jpg", "images/test/2.jpg")
    (tmp_path / "labels" / "train" / "gone.txt").write_text(HALF)
    inspection = inspect("yolo", tmp_path)
    assert warned(inspection, "1 without one: images/train/bare.jpg. They count as background")
    assert warned(inspection, "2 in folders without any: images/test/1.jpg, images/test/2.jpg", "left out")
    assert warned(inspection, "1 without one: labels/train/gone.txt")
    assert len(labels(inspection)) == 7


@pytest.mark.parametrize(
    "line", ["7 0.5 0.5 1 1", "0 0.5 x 1 1", "0 12 40 30 20", "0 0.1 0.2 0.3", "cat 0 0 1 1"]
)
def test_bad_lines_of_yolo_are_named(tmp_path: Path, line: str) -> None:
    make_yolo(tmp_path)
    (tmp_path / "labels" / "train" / "a.txt").write_text(f"{HALF}\n{line}\n")
    assert refused(inspect("yolo", tmp_path), "labels/train/a.txt, line 2: expected")


@pytest.mark.parametrize(
    "text", ["names: 7", "names: cat", "names: [", "names: {a: b}", "names: [[x]]", "a: &a [*a]\nnames: *b"]
)
def test_bad_names_of_yolo_are_named(tmp_path: Path, text: str) -> None:
    make_yolo(tmp_path)
    (tmp_path / "data.yaml").write_text(text)
    inspection = inspect("yolo", tmp_path)
    assert refused(inspection, "data.yaml: expected")
    assert not refused(inspection, ".txt, line")  # what follows from it is no word worth
    assert not warned(inspection, "expected names of the classes")


def shape(label: str, kind: str, *points: list[float], **more: object) -> dict[str, Any]:
    return {"label": label, "shape_type": kind, "points": list(points), "group_id": None, "flags": {}, **more}


LEFT = ([0.0, 0.0], [4.0, 0.0], [4.0, 6.0], [0.0, 6.0])


def make_labelme(folder: Path) -> None:
    shapes: dict[str, list[dict[str, Any]]] = {
        "a": [shape("cat", "polygon", *LEFT), shape("dog", "rectangle", [8.0, 6.0], [6.0, 0.0])],
        "b": [shape("dog", "circle", [4.0, 3.0], [4.0, 3.9])],
        "c": [],
        "d": [shape("cat", "point", [1.0, 1.0])],
    }
    for name, entries in shapes.items():
        add_images(folder, f"{name}.jpg")
        document = {"version": "5.4.1", "flags": {}, "shapes": entries, "imagePath": f"..\\x\\{name}.jpg"}
        document |= {"imageData": "QUJD" * 10, "imageHeight": SIZE[0], "imageWidth": SIZE[1]}
        write_json(folder / f"{name}.json", document)


def test_labelme(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    make_labelme(folder)
    add_images(folder, "bare.jpg")
    assert detect_source(folder) == "labelme"
    inspection = inspect("labelme", folder)
    assert labels(inspection) == {"a": ("cat", "dog"), "b": ("dog",), "c": (), "d": ("cat",)}
    assert warned(inspection, "1 without one: bare.jpg. They are left out; save an annotation without shapes")
    drawn = masks(inspection, tmp_path / "full")
    assert drawn["a"] == [[1, 1, 1, 1, 0, 0, 2, 2]] * 6
    assert np.count_nonzero(np.array(drawn["b"])) == 4  # a disc of radius 0.9 around a corner of pixels
    assert set(drawn) == {"a", "b", "c"}  # a point is no outline


def test_labelme_of_boxes_has_no_masks_and_flags_are_labels(tmp_path: Path) -> None:
    for name in "abc":
        add_images(tmp_path, f"images/{name}.jpg")
        document = {
            "flags": {"wet": name == "a", "dry": False},
            "shapes": [shape("cat", "rectangle", *LEFT[::2])],
        }
        write_json(tmp_path / "json" / f"{name}.json", document | {"imagePath": f"images/{name}.jpg"})
    inspection = inspect("labelme", tmp_path)
    assert labels(inspection)["images/a"] == ("cat", "wet")
    assert not any(sample.mask for sample in samples(inspection).values())


@pytest.mark.parametrize(("height", "said"), [(6, False), ("6", False), ("6 px", True), (-6, True)])
def test_sizes_of_labelme_that_are_none_are_named(tmp_path: Path, height: object, said: bool) -> None:
    make_labelme(tmp_path)
    file = tmp_path / "a.json"
    write_json(file, json.loads(file.read_text()) | {"imageHeight": height})
    inspection = inspect("labelme", tmp_path)
    assert samples(inspection)["a"].mask
    assert warned(inspection, "whole numbers", f"1 others: a.json ({height!r} x 8)") == said


def test_what_is_wrong_with_labelme_is_named(tmp_path: Path) -> None:
    make_labelme(tmp_path)
    write_json(tmp_path / "other.json", {"a": 1})
    write_json(tmp_path / "gone.json", {"shapes": [], "imagePath": "gone.jpg"})
    write_json(tmp_path / "c.json", {"shapes": [{"points": []}, 3]})
    (tmp_path / "d.json").write_text("{")
    inspection = inspect("labelme", tmp_path)
    assert refused(inspection, "(gone.json): expected one image for 'gone.jpg', got none")
    assert refused(inspection, "c.json, shapes[0]: expected a shape with a label")
    assert refused(inspection, "c.json, shapes[1]: ")
    assert refused(inspection, "d.json: expected JSON")
    assert warned(inspection, "1 others: other.json")


POLYGON = {"name": "polygon", "all_points_x": [0, 4, 4, 0], "all_points_y": [0, 0, 6, 6]}
RECT = {"name": "rect", "x": 6, "y": 0, "width": 2, "height": 6}
REGIONS: dict[str, list[dict[str, Any]]] = {
    "a": [
        {"shape_attributes": POLYGON, "region_attributes": {"kind": "cat"}},
        {"shape_attributes": RECT, "region_attributes": {"kind": {"dog": True, "cat": False}}},
    ],
    "b": [
        {
            "shape_attributes": {"name": "circle", "cx": 4, "cy": 3, "r": 0.9},
            "region_attributes": {"kind": "dog"},
        }
    ],
    "c": [],
    "d": [{"shape_attributes": {"name": "point", "cx": 1, "cy": 1}, "region_attributes": {"kind": "cat"}}],
}


def make_via(folder: Path) -> None:
    add_images(folder, *(f"images/{name}.jpg" for name in REGIONS))
    entries = {
        f"{name}.jpg99": {"filename": f"{name}.jpg", "size": 99, "regions": regions, "file_attributes": {}}
        for name, regions in REGIONS.items()
    }
    write_json(folder / "via.json", entries)


def make_via_project(folder: Path) -> None:
    make_via(folder)
    entries = json.loads((folder / "via.json").read_text())
    for entry in entries.values():  # as VIA 1 numbers them
        entry["regions"] = {str(i): region for i, region in enumerate(entry["regions"])}
    write_json(
        folder / "via.json", {"_via_settings": {}, "_via_img_metadata": entries, "_via_attributes": {}}
    )


def make_via_table(folder: Path) -> None:
    make_via(folder)
    (folder / "via.json").unlink()
    lines = [
        "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,region_attributes"
    ]
    for name, regions in REGIONS.items():
        for i, region in enumerate(regions or [{"shape_attributes": {}, "region_attributes": {}}]):
            cells = (
                json.dumps(region[key]).replace('"', '""')
                for key in ("shape_attributes", "region_attributes")
            )
            lines.append(
                f'{name}.jpg,99,"{{}}",{len(regions)},{i},' + ",".join(f'"{cell}"' for cell in cells)
            )
    (folder / "via_region_data.csv").write_text("\n".join(lines))


@pytest.mark.parametrize("make", [make_via, make_via_project, make_via_table])
def test_via(tmp_path: Path, make: Callable[[Path], None]) -> None:
    folder = tmp_path / "data"
    make(folder)
    assert detect_source(folder) == "via"
    inspection = inspect("via", folder)
    assert labels(inspection) == {
        "images/a": ("cat", "dog"),
        "images/b": ("dog",),
        "images/c": (),
        "images/d": ("cat",),
    }
    assert warned(inspection, "1 without: images/c. They count as background")
    drawn = masks(inspection, tmp_path / "full")
    assert drawn["images/a"] == [[1, 1, 1, 1, 0, 0, 2, 2]] * 6
    assert "images/d" not in drawn


def test_the_attribute_of_via_that_names_the_classes(tmp_path: Path) -> None:
    make_via(tmp_path)
    entries = json.loads((tmp_path / "via.json").read_text())
    for entry in entries.values():
        for region in entry["regions"]:
            region["region_attributes"] = {"colour": "red", "quality": "good"}
    write_json(tmp_path / "via.json", entries)
    assert refused(inspect("via", tmp_path), "expected one attribute of the regions, got colour, quality")
    for entry in entries.values():
        for region in entry["regions"]:
            region["region_attributes"]["Class"] = "plum"
    write_json(tmp_path / "via.json", entries)
    assert labels(inspect("via", tmp_path))["images/a"] == ("plum",)
    for entry in entries.values():
        for region in entry["regions"]:
            region["region_attributes"] = {}
    write_json(tmp_path / "via.json", entries)
    inspection = inspect("via", tmp_path)
    assert labels(inspection)["images/a"] == ("object",)
    assert warned(inspection, "All regions are of one class, 'object'")


def make_mvtec(folder: Path) -> None:
    add_images(folder, *(f"train/good/{i}.jpg" for i in range(6)), *(f"test/good/{i}.jpg" for i in range(3)))
    for kind in ("crack", "stain"):
        for i in range(6):
            add_images(folder, f"test/{kind}/{i}.jpg")
            mask = np.zeros(SIZE, np.uint8)
            mask[:, : i + 1] = 255
            write_image_file(folder / f"ground_truth/{kind}/{i}_mask.png", mask)


def test_mvtec(tmp_path: Path) -> None:
    folder = tmp_path / "nut"
    make_mvtec(folder)
    assert detect_source(folder) == "mvtec"
    inspection = inspect("mvtec", folder)
    by_name = samples(inspection)
    assert labels(inspection)["test/crack/0"] == ("crack",)
    assert labels(inspection)["train/good/0"] == labels(inspection)["test/good/0"] == ()
    splits = {
        f"test/{kind}/{i}": by_name[f"test/{kind}/{i}"].split for kind in ("crack", "stain") for i in range(6)
    }
    assert {name for name, split in splits.items() if split == "test"} == {
        f"test/{kind}/{i}" for kind in ("crack", "stain") for i in (2, 5)
    }
    assert {by_name[f"test/good/{i}"].split for i in range(3)} == {"test"}
    assert warned(inspection, "4 of 6 crack, 4 of 6 stain. These move to train and val")
    drawn = masks(inspection, tmp_path / "full")
    assert drawn["test/crack/1"] == [[1, 1, 0, 0, 0, 0, 0, 0]] * 6
    assert drawn["test/stain/1"] == [[2, 2, 0, 0, 0, 0, 0, 0]] * 6
    assert drawn["train/good/0"] == [[0] * 8] * 6


def test_several_products_of_mvtec_are_told_apart(tmp_path: Path) -> None:
    make_mvtec(tmp_path / "nut")
    make_mvtec(tmp_path / "pill")
    assert detect_source(tmp_path) == "mvtec"
    assert refused(inspect("mvtec", tmp_path), "expected the folder of one product, got 2 of them: nut, pill")


def make_labelimg(folder: Path, image: str = "images/{}.jpg", text: str = "annotations/{}.xml") -> None:
    for name, labels_ in {"a": ["cat", "dog"], "b": ["dog"], "c": ["cat"]}.items():
        add_images(folder, image.format(name))
        objects = "".join(f"<object><name>{label}</name></object>" for label in labels_)
        file = folder / text.format(name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"<annotation><filename>{name}.jpg</filename>{objects}</annotation>")


@pytest.mark.parametrize(
    ("image", "text"),
    [
        ("images/{}.jpg", "annotations/{}.xml"),
        ("{}.jpg", "{}.xml"),
        ("train/{}.jpg", "train/{}.xml"),
        ("photos/{}.jpg", "xml/{}.xml"),
    ],
)
def test_xml_of_labelimg(tmp_path: Path, image: str, text: str) -> None:
    make_labelimg(tmp_path, image, text)
    add_images(tmp_path, image.format("bare"))
    assert detect_source(tmp_path) == "voc"
    inspection = inspect("voc", tmp_path)
    assert labels(inspection) == {
        image.format(name).removesuffix(".jpg"): value
        for name, value in {"a": ("cat", "dog"), "b": ("dog",), "c": ("cat",), "bare": ()}.items()
    }
    assert warned(inspection, "1 without one", "bare.jpg. They count as background")
