"""Exports of Label Studio, VOC and CVAT that say less, more or other things than expected."""

import json
from pathlib import Path
from typing import Any

import pytest

from pipeline.data.inspection import Inspection
from tests.data.folders import add_images, inspect, labels, make_voc, samples, write_list

IMAGES = ("a", "b", "c", "d")


def result(kind: str, **value: object) -> dict[str, Any]:
    return {"type": kind, "value": value}


def task(image: str, *results: dict[str, Any]) -> dict[str, Any]:
    return {"data": {"image": f"/data/upload/{image}.jpg"}, "annotations": [{"result": list(results)}]}


def read_tasks(folder: Path, *tasks: object) -> Inspection:
    add_images(folder, *(f"{name}.jpg" for name in IMAGES))
    (folder / "export.json").write_text(json.dumps(tasks))
    return inspect("labelstudio", folder)


CATS = (task("a", result("choices", choices=["cat"])), task("b", result("choices", choices=["cat"])))


@pytest.mark.parametrize(
    ("paths", "expected"),
    [
        ([["Animal", "Dog"]], ("Dog",)),
        ([["Animal"]], ("Animal",)),
        ([["Animal", "Dog"], ["Plant", "Tree", "Oak"]], ("Dog", "Oak")),
        ([], ()),
    ],
)
def test_the_last_name_of_a_taxonomy_is_the_label(
    paths: list[Any], expected: tuple[str, ...], tmp_path: Path
) -> None:
    inspection = read_tasks(
        tmp_path / "json", *(task(i, result("taxonomy", taxonomy=paths)) for i in "abcd"), *CATS
    )
    assert labels(inspection)["c"] == labels(inspection)["d"] == expected
    least = [{"image": f"{i}.jpg", "kinds": [{"taxonomy": paths}]} for i in "cd"]
    inspection = read_tasks(tmp_path / "min", *least, *CATS)
    assert labels(inspection)["c"] == expected


@pytest.mark.parametrize(
    "other",
    [
        result("rating", rating=4),
        result("textarea", text=["a note"]),
        result("rectangle", x=1, y=1, width=5, height=5),
        {"type": "relation", "from_id": "x", "to_id": "y"},
        result("number", number=3),
    ],
)
def test_what_holds_no_names_is_named_and_no_background(other: dict[str, Any], tmp_path: Path) -> None:
    with_note = task("a", result("choices", choices=["cat"]), other)
    inspection = read_tasks(tmp_path, *CATS, task("c", other), with_note, task("d"))
    assert labels(inspection) == {"a": ("cat",), "b": ("cat",), "d": ()}
    warnings = "\n".join(inspection.warnings)
    assert "1 with other results: /data/upload/c.jpg. They are left out" in warnings
    assert f"got others: {other['type']} (2). They are ignored" in warnings


def test_controls_of_json_min_that_hold_no_names_are_named(tmp_path: Path) -> None:
    tasks = [
        {"image": "a.jpg", "choice": "cat", "stars": [{"rating": 4}]},
        {"image": "b.jpg", "choice": "cat"},
        {"image": "c.jpg", "stars": [{"rating": 4}]},
        {"image": "d.jpg", "label": [{"x": 1, "y": 2, "width": 3}]},
    ]
    inspection = read_tasks(tmp_path, *tasks)
    assert labels(inspection) == {"a": ("cat",), "b": ("cat",)}
    warnings = "\n".join(inspection.warnings)
    assert "2 with other results: c.jpg, d.jpg" in warnings
    assert "others: stars (2), label (1)" in warnings


@pytest.mark.parametrize("least", [False, True])
def test_of_several_tasks_of_an_image_the_last_counts(least: bool, tmp_path: Path) -> None:
    again: Any = [{"image": f"x/{i}.jpg", "choice": "dog"} for i in "aabb"]
    again = again if least else [task(i, result("choices", choices=["dog"])) for i in "ab"]
    others = [
        task(i, result("choices", choices=[name]))
        for i, name in zip("bcd", ("cow", "cow", "dog"), strict=True)
    ]
    inspection = read_tasks(tmp_path, *CATS, *again, *others)
    assert inspection.errors == ()
    assert labels(inspection) == {"a": ("dog",), "b": ("cow",), "c": ("cow",), "d": ("dog",)}
    assert any(
        f"{5 if least else 3} again: a.jpg" in line and "last one counts" in line
        for line in inspection.warnings
    )


def test_other_json_beside_an_export_is_named(tmp_path: Path) -> None:
    (tmp_path / "dataset-metadata.json").write_text('{"title": "cats"}')
    inspection = read_tasks(tmp_path, *CATS)
    assert inspection.errors == ()
    assert any("dataset-metadata.json: expected a task" in line for line in inspection.warnings)


def test_listed_images_of_voc_without_xml_are_background(tmp_path: Path) -> None:
    make_voc(tmp_path, {name: [("cat", 0)] for name in IMAGES})
    write_list(tmp_path, "Main/train.txt", "a", "b", "c")
    write_list(tmp_path, "Main/val.txt", "d")
    (tmp_path / "Annotations" / "b.xml").unlink()
    inspection = inspect("voc", tmp_path)
    assert labels(inspection) == {"a": ("cat",), "b": (), "c": ("cat",), "d": ("cat",)}
    assert any("1 without one: b. They count as background." in line for line in inspection.warnings)


def test_a_list_of_voc_without_any_xml_is_left_out(tmp_path: Path) -> None:
    make_voc(tmp_path, {name: [("cat", 0)] for name in IMAGES})
    for split, names in (("train", "ab"), ("val", "c"), ("test", "d")):
        write_list(tmp_path, f"Main/{split}.txt", *names)
    (tmp_path / "Annotations" / "d.xml").unlink()
    inspection = inspect("voc", tmp_path)
    assert list(labels(inspection)) == ["a", "b", "c"]
    assert any("1 without one: d. They are left out" in line for line in inspection.warnings)


def test_images_of_voc_without_xml_and_without_lists_say_what_to_do(tmp_path: Path) -> None:
    make_voc(tmp_path, {name: [("cat", 0)] for name in IMAGES})
    (tmp_path / "Annotations" / "b.xml").unlink()
    (error,) = inspect("voc", tmp_path).errors
    assert "b.xml: expected an annotation of each image, or a list" in error
    assert "got no such file. Write one without objects if the image shows background only" in error


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("GBK", "猫"), ("Shift_JIS", "猫"), ("big5", "貓"), ("windows-1251", "кот"), ("utf-16", "猫")],
)
def test_xml_in_other_encodings(encoding: str, name: str, tmp_path: Path) -> None:
    make_voc(tmp_path, {i: [("dog", 0)] for i in IMAGES})
    for i in "ab":
        head = f'<?xml version="1.0" encoding="{encoding}" ?>\n'
        text = f"{head}<annotation><object><name>{name}</name></object></annotation>"
        (tmp_path / "Annotations" / f"{i}.xml").write_bytes(text.encode(encoding))
    assert labels(inspect("voc", tmp_path))["a"] == (name,)


@pytest.mark.parametrize("encoding", ["hex", "rot13", "no-such", "zlib", "GBK"])
def test_xml_in_no_encoding_is_refused(encoding: str, tmp_path: Path) -> None:
    make_voc(tmp_path, {i: [("dog", 0)] for i in IMAGES})
    content = f'<?xml version="1.0" encoding="{encoding}"?><annotation>'.encode() + b"\xff\xff</annotation>"
    (tmp_path / "Annotations" / "a.xml").write_bytes(content)
    (error,) = inspect("voc", tmp_path).errors
    assert "a.xml: expected XML, got" in error
    assert "Export it again, in UTF-8." in error


def read_cvat(folder: Path, *elements: str) -> Inspection:
    add_images(folder, *(f"photos/{name}.jpg" for name in IMAGES))
    images = [
        f'<image id="{i}" name="{n}.jpg">{e}</image>'
        for i, (n, e) in enumerate(zip(IMAGES, elements, strict=True))
    ]
    (folder / "annotations.xml").write_text(f"<annotations>{''.join(images)}</annotations>")
    return inspect("cvat", folder)


TAG = '<tag label="cat"/>'


@pytest.mark.parametrize("flag", ["1", "true"])
def test_shapes_of_cvat_outside_the_image_are_no_labels(flag: str, tmp_path: Path) -> None:
    outside = f'<box label="dog" outside="{flag}" xtl="0"/>'
    inspection = read_cvat(tmp_path, TAG, TAG + outside, outside, TAG + outside.replace(flag, "0"))
    assert [labels(inspection)[f"photos/{n}"] for n in IMAGES] == [("cat",), ("cat",), (), ("cat", "dog")]


def test_shapes_of_cvat_without_a_label_are_no_background(tmp_path: Path) -> None:
    inspection = read_cvat(tmp_path, TAG, TAG, '<polygon points="0,0;1,1;0,1"/>', TAG)
    assert "photos/c" not in samples(inspection)
    assert any("1 without: photos/c.jpg. They are left out" in line for line in inspection.warnings)


@pytest.mark.parametrize("prefix", ["C:\\job\\", "../", "/srv/", "upload%20s/"])
def test_images_of_cvat_are_found_by_the_end_of_their_path(prefix: str, tmp_path: Path) -> None:
    read_cvat(tmp_path, TAG, TAG, TAG, "")
    file = tmp_path / "annotations.xml"
    file.write_text(file.read_text().replace('name="', f'name="{prefix}'))
    assert len(labels(inspect("cvat", tmp_path))) == 4
