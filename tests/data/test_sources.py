"""Folders in the formats of others: what is read, and what is said of the rest."""

from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

import numpy as np
import pytest
from PIL import Image

from pipeline.data.images import read_mask, write_mask
from pipeline.data.inspection import write_ground_truth
from pipeline.data.sources.detect import detect_source
from pipeline.data.sources.records import class_name
from tests.data.folders import (
    SIZE,
    add_images,
    inspect,
    labels,
    make_coco,
    make_voc,
    samples,
    write_json,
    write_list,
)


def make_imagefolder(folder: Path) -> None:
    add_images(
        folder,
        "cat/1.jpg",
        "cat/2.JPG",
        "cat/deep/er/1.jpg",
        "größer als/1.png",
        "größer als/2.jpg",
        "猫/1.webp",
        "猫/2.jpg",
        "_background/1.jpg",
        "background/1.jpg",
    )


def test_imagefolder(tmp_path: Path) -> None:
    make_imagefolder(tmp_path)
    inspection = inspect("imagefolder", tmp_path)
    assert labels(inspection) == {
        "_background/1": (),
        "background/1": (),
        "cat/1": ("cat",),
        "cat/2": ("cat",),
        "cat/deep/er/1": ("cat",),
        "größer als/1": ("größer als",),
        "größer als/2": ("größer als",),
        "猫/1": ("猫",),
        "猫/2": ("猫",),
    }
    assert inspection.manifest is not None
    assert inspection.manifest.classes == ("cat", "größer als", "猫")
    assert samples(inspection)["cat/2"].image == "cat/2.JPG"
    assert not samples(inspection)["cat/2"].mask


def test_one_stem_with_two_suffixes_is_two_samples(tmp_path: Path) -> None:
    add_images(tmp_path, "cat/1.jpg", "cat/1.png", "cat/2.jpg", "dog/1.jpg", "dog/2.jpg")
    assert list(labels(inspect("imagefolder", tmp_path))) == [
        "cat/1.jpg",
        "cat/1.png",
        "cat/2",
        "dog/1",
        "dog/2",
    ]


def test_imagefolder_with_splits(tmp_path: Path) -> None:
    add_images(tmp_path, "train/cat/1.jpg", "train/dog/1.jpg", "valid/cat/1.jpg", "test/dog/9.jpg")
    by_name = samples(inspect("imagefolder", tmp_path))
    assert {name: sample.split for name, sample in by_name.items()} == {
        "train/cat/1": "train",
        "train/dog/1": "train",
        "valid/cat/1": "val",
        "test/dog/9": "test",
    }
    assert by_name["valid/cat/1"].labels == (0,)


def test_accents_of_a_mac_are_those_of_others(tmp_path: Path) -> None:
    add_images(tmp_path, "e\u0301te\u0301/1.jpg", "e\u0301te\u0301/2.jpg", "\u00e9t\u00e9 /3.jpg")
    inspection = inspect("imagefolder", tmp_path)
    assert inspection.manifest is not None
    assert inspection.manifest.classes == ("\u00e9t\u00e9",)


def test_loose_images_and_links_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    make_imagefolder(folder)
    add_images(folder, "loose.jpg", "cat/.hidden.jpg", "cat/._1.jpg")
    inspection = inspect("imagefolder", folder)
    assert len(samples(inspection)) == 9
    assert any("1 beside them: loose.jpg. They are left out." in line for line in inspection.warnings)
    add_images(tmp_path, "elsewhere/1.jpg")
    (folder / "cat" / "link.jpg").symlink_to(tmp_path / "elsewhere" / "1.jpg")
    (folder / "dog").symlink_to(tmp_path / "elsewhere")
    (folder / "puss").symlink_to(folder / "cat")
    (folder / "round").symlink_to(folder / "round")
    errors = "\n".join(inspect("imagefolder", folder).errors)
    for name in ("cat/link.jpg", "dog"):
        assert f"{name}: expected a file in {folder}, got a link to elsewhere. Copy" in errors
    assert "puss: expected a folder, got a link to one." in errors


def test_an_empty_folder_says_what_belongs_there(tmp_path: Path) -> None:
    assert (
        "expected images in folders named as their class, got none"
        in inspect("imagefolder", tmp_path).errors[0]
    )
    assert "expected an instances JSON, got none" in inspect("coco", tmp_path).errors[0]
    assert "expected a folder with JPEGImages/ and Annotations/" in inspect("voc", tmp_path).errors[0]


def masks(inspection: Any, folder: Path) -> dict[str, list[list[int]]]:
    write_ground_truth(inspection, folder)
    files = sorted(folder.rglob("*.png"))
    return {file.relative_to(folder).with_suffix("").as_posix(): read_mask(file).tolist() for file in files}


def test_coco(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    make_coco(folder)
    inspection = inspect("coco", folder)
    assert labels(inspection) == {
        "images/both": ("cat", "dog"),
        "images/crowd": ("cat",),
        "images/dog": ("dog",),
        "images/empty": (),
    }
    assert masks(inspection, tmp_path / "full") == {
        # The cat covers columns 0 to 3, the dog 3 to 7.
        "images/both": [[1, 1, 1, 255, 2, 2, 2, 2]] * 6,
        "images/crowd": [[255, 0, 0, 0, 0, 0, 0, 0]] * 6,
        "images/dog": [[0, 2, 2, 0, 0, 0, 0, 0]] * 6,
        "images/empty": [[0] * 8] * 6,
    }


def test_coco_with_chosen_and_renamed_classes(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    make_coco(folder)
    inspection = inspect("coco", folder, classes=["Hund"], rename={"dog": "Hund"})
    assert labels(inspection) == {"images/both": ("Hund",), "images/dog": ("Hund",), "images/empty": ()}
    assert any("1 without one: images/crowd. They are left out" in line for line in inspection.warnings)
    drawn = masks(inspection, tmp_path / "full")
    assert drawn["images/both"] == [[255, 255, 255, 255, 1, 1, 1, 1]] * 6
    assert drawn["images/dog"] == [[0, 1, 1, 0, 0, 0, 0, 0]] * 6


def test_coco_with_boxes_only_has_no_masks(tmp_path: Path) -> None:
    document = make_coco(tmp_path)
    for annotation in document["annotations"]:
        del annotation["segmentation"]
    write_json(tmp_path / "annotations" / "instances.json", document)
    inspection = inspect("coco", tmp_path)
    assert not any(sample.mask for sample in samples(inspection).values())


def test_coco_files_of_splits(tmp_path: Path) -> None:
    make_coco(tmp_path)
    (tmp_path / "annotations" / "instances.json").rename(
        tmp_path / "annotations" / "instances_train2017.json"
    )
    (tmp_path / "images").rename(tmp_path / "train2017")
    add_images(tmp_path / "valid", "both.jpg")
    one = {"id": 1, "file_name": "both.jpg", "height": SIZE[0], "width": SIZE[1]}
    document = {
        "images": [one],
        "categories": [{"id": 1, "name": "cat"}],
        "annotations": [{"image_id": 1, "category_id": 1, "segmentation": [[0, 0, 2, 0, 2, 6]]}],
    }
    write_json(tmp_path / "valid" / "_annotations.coco.json", document)
    by_name = samples(inspect("coco", tmp_path))
    assert {name: sample.split for name, sample in by_name.items()} == {
        "train2017/both": "train",
        "train2017/crowd": "train",
        "train2017/dog": "train",
        "train2017/empty": "train",
        "valid/both": "val",
    }
    assert by_name["valid/both"].mask


def test_everything_wrong_with_coco_is_listed_at_once(tmp_path: Path) -> None:
    document = make_coco(tmp_path)
    document["images"][0]["file_name"] = "../outside.jpg"
    document["images"].append({"id": 20, "file_name": "gone.jpg", "height": 6, "width": 8})
    document["images"].append({"id": 21})
    document["annotations"].append({"image_id": 13, "category_id": 99})
    document["annotations"].append({"image_id": 77, "category_id": 17})
    write_json(tmp_path / "annotations" / "instances.json", document)
    inspection = inspect("coco", tmp_path)
    # That too few images are left for a split follows from the others.
    said = [line for line in (*inspection.errors, *inspection.warnings) if "a split val" not in line]
    for parts in (
        ("instances.json, images[0]: ", "'../outside.jpg'"),
        ("gone.jpg (instances.json, images[4])", "no such file"),
        ("instances.json: ", "id and file_name, got 1 of 6 others: images[5]"),
        ("instances.json: ", "a category_id of the categories", "1 of 6 others: 99 (annotations[4])"),
        ("instances.json: ", "an image_id of the images", "1 of 6 others: 77 (annotations[5])"),
    ):
        assert any(all(part in line for part in parts) for line in said), (parts, said)
    assert sum(line in inspection.errors for line in said) == 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "expected JSON in UTF-8"),
        (b"\xff", "expected JSON in UTF-8"),
        (b"[" * 100_000, "expected JSON in UTF-8"),
        (b'{"images": NaN}', "lists `images`, `annotations` and `categories`"),
        (b'{"images": [], "annotations": {}}', "lists `images`, `annotations` and `categories`"),
        (b"3", "lists `images`, `annotations` and `categories`"),
    ],
)
def test_what_is_no_coco_file_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "a.json").write_bytes(content)
    (error,) = inspect("coco", tmp_path).errors
    assert "a.json: " in error
    assert message in error


def test_files_of_labels_that_are_links_to_elsewhere_are_refused(tmp_path: Path) -> None:
    make_coco(tmp_path / "other")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.json").symlink_to(tmp_path / "other" / "annotations" / "instances.json")
    assert "leaves the folder" in inspect("coco", tmp_path / "images").errors[0]


VOC = {
    "a": [("cat", 0), ("dog", 0), ("cat", 0)],
    "b": [("dog", 0)],
    "c": [("cat", 1)],
    "d": [("cat", 0), ("dog", 1)],
    "e": [],
}


def test_voc(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    make_voc(folder, VOC)
    write_list(folder, "Segmentation/train.txt", "a", "b")
    write_list(folder, "Segmentation/val.txt", "d")
    write_list(folder, "Main/train.txt", "a", "b", "c", "e")
    mask = np.zeros(SIZE, np.uint8)
    mask[:, 0], mask[:, 1], mask[:, 2] = 8, 12, 255  # cat, dog, border
    write_mask(folder / "SegmentationClass" / "a.png", mask)
    inspection = inspect("voc", folder)
    assert labels(inspection) == {"a": ("cat", "dog"), "b": ("dog",), "d": ("cat", "dog")}
    assert {name: sample.split for name, sample in samples(inspection).items()} == {
        "a": "train",
        "b": "train",
        "d": "val",
    }
    assert masks(inspection, tmp_path / "full") == {"a": [[1, 2, 255, 0, 0, 0, 0, 0]] * 6}


def test_voc_names_may_hold_spaces(tmp_path: Path) -> None:
    make_voc(tmp_path, {"tom cat": [("cat", 0)], "b": [("dog", 0)], "rex 2": [("dog", 0)], "d": [("cat", 0)]})
    write_list(tmp_path, "Main/train.txt", "tom cat", "b  -1")
    write_list(tmp_path, "Main/val.txt", "rex 2 ", "d")
    by_name = samples(inspect("voc", tmp_path))
    assert {name: sample.split for name, sample in by_name.items()} == {
        "tom cat": "train",
        "b": "train",
        "rex 2": "val",
        "d": "val",
    }
    (tmp_path / "Annotations" / "rex 2.xml").unlink()
    inspection = inspect("voc", tmp_path)
    assert labels(inspection)["rex 2"] == ()
    assert any("1 without one: rex 2. They count as background." in line for line in inspection.warnings)


def test_voc_augmented(tmp_path: Path) -> None:
    make_voc(tmp_path, VOC)
    write_list(tmp_path, "Segmentation/train.txt", "a")
    write_list(
        tmp_path,
        "Segmentation/train_aug.txt",
        "/JPEGImages/a.jpg /SegmentationClassAug/a.png",
        "/JPEGImages/b.jpg /SegmentationClassAug/b.png",
    )
    write_list(tmp_path, "Segmentation/val.txt", "d")
    write_mask(tmp_path / "SegmentationClass" / "a.png", np.full(SIZE, 8, np.uint8))
    for name in "ab":
        Image.fromarray(np.full(SIZE, 12, np.uint8)).save(
            make(tmp_path / "SegmentationClassAug") / f"{name}.png"
        )
    inspection = inspect("voc", tmp_path)
    drawn = masks(inspection, tmp_path / "full")
    assert list(samples(inspection)) == ["a", "b", "d"]
    assert drawn["a"][0][0] == 1  # the cat of SegmentationClass
    assert drawn["b"][0][0] == 2


def make(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def test_voc_without_difficult_objects(tmp_path: Path) -> None:
    make_voc(tmp_path, VOC)
    assert labels(inspect("voc", tmp_path))["c"] == ("cat",)
    inspection = inspect("voc", tmp_path, difficult=False)
    assert labels(inspection) == {"a": ("cat", "dog"), "b": ("dog",), "d": ("cat",), "e": ()}
    assert any("1 without one: c. They are left out" in line for line in inspection.warnings)


def test_voc_with_classes_of_its_own_and_masks_in_colours(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    make_voc(folder, {"a": [("Katze", 0)], "b": [("Katze", 0)]})
    (folder / "labelmap.txt").write_text(
        "# label:color_rgb:parts:actions\nbackground:0,0,0::\nignore:9,9,9::\nKatze:1,2,3:head:\n"
    )
    colours = np.zeros((*SIZE, 3), np.uint8)
    colours[0], colours[1] = (1, 2, 3), (9, 9, 9)
    make(folder / "SegmentationClass")
    Image.fromarray(colours).save(folder / "SegmentationClass" / "a.png")
    inspection = inspect("voc", folder)
    assert inspection.manifest is not None
    assert inspection.manifest.classes == ("Katze",)
    drawn = masks(inspection, tmp_path / "full")["a"]
    assert [drawn[row][0] for row in range(3)] == [1, 255, 0]


@pytest.mark.parametrize(
    ("xml", "message"),
    [
        ("<annotation><object></object></annotation>", "a name in each object"),
        ("<annotation>", "expected XML"),
        ("<html><body/></html>", "expected an element `annotation`, got 'html'"),
        ('<!DOCTYPE a [<!ENTITY b "bb">]><annotation>&b;</annotation>', "DOCTYPE"),
        ('<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "DOCTYPE"),
    ],
)
def test_xml_that_is_refused(tmp_path: Path, xml: str, message: str) -> None:
    make_voc(tmp_path, VOC)
    (tmp_path / "Annotations" / "b.xml").write_text(xml)
    (error,) = inspect("voc", tmp_path).errors
    assert f"{tmp_path}/Annotations/b.xml: " in error
    assert message in error


def test_namespaces_of_xml_hide_no_object(tmp_path: Path) -> None:
    make_voc(tmp_path, VOC)
    expected = labels(inspect("voc", tmp_path))
    for file in (tmp_path / "Annotations").iterdir():
        file.write_text(file.read_text().replace("<annotation>", '<annotation xmlns="http://x.org/voc">'))
    assert labels(inspect("voc", tmp_path)) == expected


@pytest.mark.parametrize("line", ["../../secret", "/etc/passwd", "x/../../y"])
def test_voc_lists_stay_in_the_folder(tmp_path: Path, line: str) -> None:
    make_voc(tmp_path, VOC)
    write_list(tmp_path, "Main/train.txt", "a", line)
    errors = inspect("voc", tmp_path).errors
    assert any("train.txt, line 2: expected an image below JPEGImages/" in error for error in errors)


def make_labelstudio(folder: Path) -> None:
    add_images(folder, "1a2b3c4d-tom cat.jpg", "rex.jpg", "sub/rex.jpg", "both.jpg", "wall.jpg", "later.jpg")

    def task(image: str, *annotations: list[str]) -> dict[str, Any]:
        done = [
            {
                "was_cancelled": False,
                "result": [{"type": "choices", "value": {"choices": names}}] if names else [],
            }
            for names in annotations
        ]
        return {"id": 1, "data": {"image": image}, "annotations": done}

    tasks = [
        task("/data/upload/3/1a2b3c4d-tom cat.jpg", ["dog"], ["cat"]),
        task("/data/local-files/?d=photos/sub/rex.jpg", ["dog"]),
        task("s3://bucket/9f8e7d6c-both.jpg", ["cat", "dog"]),
        task("https://example.org/wall.jpg", []),
        task("later.jpg"),
    ]
    tasks[0]["annotations"].append({"was_cancelled": True, "result": []})
    write_json(folder / "export.json", tasks)


def test_labelstudio(tmp_path: Path) -> None:
    make_labelstudio(tmp_path)
    inspection = inspect("labelstudio", tmp_path)
    assert labels(inspection) == {
        "1a2b3c4d-tom cat": ("cat",),
        "both": ("cat", "dog"),
        "sub/rex": ("dog",),
        "wall": (),
    }
    assert any("1 without: later.jpg" in line for line in inspection.warnings)


@pytest.mark.parametrize(
    ("reference", "image"),
    [
        ("/data/local-files/?d=photos/my%20cat.jpg", "my cat.jpg"),
        ("/data/local-files/?d=b%2Fq%26a.jpg", "b/q&a.jpg"),
        ("/data/local-files/?d=photos/b/q%26a.jpg", "b/q&a.jpg"),
        ("/data/local-files/?d=photos/%C3%A9t%C3%A9/100%25.jpg", "\u00e9t\u00e9/100%.jpg"),
        ("/data/upload/3/1a2b3c4d-my%20cat.jpg", "my cat.jpg"),
        ("https://example.org/my%20cat.jpg?size=1/2#top", "my cat.jpg"),
        ("D:\\images\\a=1&2.jpg", "a=1&2.jpg"),  # not 2.jpg
        ("a%20b.jpg", "a%20b.jpg"),  # so called on the disk
        ("/data/upload/3/\u00fcber.jpg", "u\u0308ber.jpg"),
    ],
)
def test_addresses_and_paths_of_labelstudio(tmp_path: Path, reference: str, image: str) -> None:
    names = [
        "my cat.jpg",
        "a/q&a.jpg",
        "b/q&a.jpg",
        "\u00e9t\u00e9/100%.jpg",
        "2.jpg",
        "a=1&2.jpg",
        "a%20b.jpg",
        "u\u0308ber.jpg",
    ]
    add_images(tmp_path, *names, "a b.jpg", "val.jpg")
    tasks = [{"image": reference, "choice": "dog"}, {"image": "val.jpg", "choice": "dog"}]
    write_json(tmp_path / "export.json", tasks)
    inspection = inspect("labelstudio", tmp_path)
    assert {sample.image for sample in samples(inspection).values()} == {image, "val.jpg"}


@pytest.mark.parametrize("key", ["image", "img", "photo", "picture", "url"])
def test_keys_of_labelstudio_that_name_an_image(tmp_path: Path, key: str) -> None:
    add_images(tmp_path, "a.jpg", "val.jpg")
    tasks = [{key: name, "choice": "dog"} for name in ("a.jpg", "val.jpg")]
    write_json(tmp_path / "export.json", tasks)
    assert set(labels(inspect("labelstudio", tmp_path))) == {"a", "val"}


def test_labelstudio_min(tmp_path: Path) -> None:
    add_images(tmp_path, "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    choices = ["cat", {"choices": ["cat", "dog"]}, "background", "dog"]
    tasks = [{"image": f"{n}.jpg", "id": 1, "choice": c} for n, c in zip("abcd", choices, strict=True)]
    write_json(tmp_path / "min.json", tasks)
    expected = {"a": ("cat",), "b": ("cat", "dog"), "c": (), "d": ("dog",)}
    assert labels(inspect("labelstudio", tmp_path)) == expected


def test_labelled_regions_of_labelstudio_are_labels(tmp_path: Path) -> None:
    add_images(tmp_path, "a.jpg", "b.jpg", "c.jpg", "d.jpg")
    box, brush = {"x": 1.0, "rectanglelabels": ["cat"]}, {"format": "rle", "rle": [0], "brushlabels": ["dog"]}
    results = [[box], [brush, box], []]
    tasks: list[dict[str, Any]] = [
        {"data": {"image": f"{name}.jpg"}, "annotations": [{"result": [{"value": v} for v in values]}]}
        for name, values in zip("abc", results, strict=True)
    ]
    tasks.append({"image": "d.jpg", "areas": [box], "tags": ["night"], "site": "farm"})  # JSON-MIN
    write_json(tmp_path / "export.json", tasks)
    expected = {"a": ("cat",), "b": ("cat", "dog"), "c": (), "d": ("cat",)}
    assert labels(inspect("labelstudio", tmp_path)) == expected


def test_half_a_character_in_a_name(tmp_path: Path) -> None:
    add_images(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    names = {"a": r"\ud800cat", "b": r"\ud83d\ude3a", "c": r"\ud83d\ude3a"}
    tasks = [f'{{"image": "{name}.jpg", "choice": "{text}"}}' for name, text in names.items()]
    (tmp_path / "min.json").write_text(f"[{', '.join(tasks)}]")
    whole = ("\U0001f63a",)
    assert labels(inspect("labelstudio", tmp_path)) == {"a": ("?cat",), "b": whole, "c": whole}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        *(("big\ndog", "big dog"), ("\u200bcat\ufeff ", "cat"), ("a\u2028b", "a b"), ("c\x07at", "c\x07at")),
        *(
            ("../x", "../x"),
            ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
            ("e\u0301", "\xe9"),
        ),
    ],
)
def test_names_of_classes_are_lines_of_text(text: str, name: str) -> None:
    assert class_name(text) == name


def test_a_control_of_labelstudio_min_with_another_name(tmp_path: Path) -> None:
    add_images(tmp_path, "a.jpg", "b.jpg", "c.jpg")
    tasks = [
        {"image": "a.jpg", "animal": "cat"},  # may be a column of the data as well
        {"image": "b.jpg", "animal": {"choices": ["cat", "dog"]}},
        {"image": "c.jpg", "animal": {"choices": ["dog"]}},
    ]
    write_json(tmp_path / "min.json", tasks)
    inspection = inspect("labelstudio", tmp_path)
    assert labels(inspection) == {"b": ("cat", "dog"), "c": ("dog",)}
    assert any(
        "1 without: a.jpg. " in line and "none of choice, choices," in line for line in inspection.warnings
    )


def test_labelstudio_images_have_to_be_one(tmp_path: Path) -> None:
    make_labelstudio(tmp_path)
    tasks = [
        {"image": "rex.jpg/", "choice": "dog"},
        {"image": "http://example.org/x/rex.jpg", "choice": "dog"},
        {"image": "../../gone.jpg", "choice": "dog"},
        {"other": 3},
    ]
    write_json(tmp_path / "export.json", tasks)
    errors = inspect("labelstudio", tmp_path).errors
    assert any(
        "(export.json, [2])" in e and "'../../gone.jpg', got none. Copy it there." in e for e in errors
    )
    assert any("export.json, [3]: expected a task with an image" in e for e in errors)
    assert any("'http://example.org/x/rex.jpg', got 2: rex.jpg, sub/rex.jpg" in e for e in errors)


CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations>
  <version>1.1</version>
  <meta><task><labels><label><name>dog</name></label><label><name>cat</name></label></labels></task></meta>
  <image id="0" name="a.jpg" subset="Train"><tag label="cat" source="manual"></tag></image>
  <image id="1" name="x/b.jpg" subset="Train"><tag label="cat"/><tag label="dog"/></image>
  <image id="2" name="c.jpg" subset="Validation"><box label="dog" xtl="0" ytl="0" xbr="1" ybr="1"/></image>
  <image id="3" name="d.jpg" subset="Train"></image>
</annotations>
"""


def test_cvat(tmp_path: Path) -> None:
    add_images(tmp_path, "images/a.jpg", "images/x/b.jpg", "images/c.jpg", "images/d.jpg")
    (tmp_path / "annotations.xml").write_text(CVAT)
    inspection = inspect("cvat", tmp_path)
    assert inspection.manifest is not None
    assert inspection.manifest.classes == ("dog", "cat")  # as in the project
    assert {name: (s.labels, s.split) for name, s in samples(inspection).items()} == {
        "images/a": ((1,), "train"),
        "images/x/b": ((0, 1), "train"),
        "images/c": ((0,), "val"),
        "images/d": ((), "train"),
    }
    assert any("1 without: images/d. They count as background" in line for line in inspection.warnings)
    (tmp_path / "annotations.xml").write_text(CVAT.replace("c.jpg", "gone.jpg"))
    (error,) = inspect("cvat", tmp_path).errors
    assert "(annotations.xml, image 3): expected one image for 'gone.jpg', got none" in error


def test_cvat_names_are_paths_from_the_folder_of_the_images(tmp_path: Path) -> None:
    names = ("a.jpg", "x/a.jpg", "q&a=1.jpg", "1.jpg")
    add_images(tmp_path, *(f"images/{name}" for name in names))
    elements = "".join(f"<image name={quoteattr(name)}><tag label='cat'/></image>" for name in names)
    (tmp_path / "annotations.xml").write_text(f"<annotations>{elements}</annotations>")
    by_name = samples(inspect("cvat", tmp_path))
    assert {sample.image for sample in by_name.values()} == {f"images/{name}" for name in names}
    (tmp_path / "images" / "q&a=1.jpg").unlink()  # 1.jpg is not taken for it
    (error,) = inspect("cvat", tmp_path).errors
    assert "(annotations.xml, image 3): expected one image for 'q&a=1.jpg', got none" in error


def test_cvat_of_a_video_has_no_images(tmp_path: Path) -> None:
    add_images(tmp_path, "images/a.jpg")
    (tmp_path / "annotations.xml").write_text("<annotations><track label='cat'/></annotations>")
    (error,) = inspect("cvat", tmp_path).errors
    assert "annotations.xml: expected an element `image` for each image, got none. Export" in error


def test_the_kind_of_a_folder_is_found_out(tmp_path: Path) -> None:
    assert detect_source(tmp_path) == detect_source(tmp_path / "nowhere") == "csv"
    make_imagefolder(make(tmp_path / "i"))
    make_coco(tmp_path / "c")
    make_voc(make(tmp_path / "v"), VOC)
    make_voc(make(tmp_path / "d" / "VOCdevkit" / "VOC2012"), VOC)
    make_labelstudio(tmp_path / "l")
    add_images(tmp_path / "x", "a.jpg")
    (tmp_path / "x" / "a.xml").write_text(CVAT)
    add_images(tmp_path / "s", "images/a.jpg")
    add_images(tmp_path / "t", "cat/a.jpg")
    (tmp_path / "t" / "labels.csv").touch()
    detected = {name: detect_source(tmp_path / name) for name in "icvdlxst"}
    assert detected == {
        "i": "imagefolder",
        "c": "coco",
        "v": "voc",
        "d": "voc",
        "l": "labelstudio",
        "x": "cvat",
        "s": "csv",
        "t": "csv",
    }
