"""Files whose bytes are of another encoding than they say: named with the remedy, not read as other text."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.data.inspection import Inspection
from pipeline.params import Source
from tests.data.folders import add_images, inspect

IMAGES = tuple("abcdef")
XML = "<annotation><filename>{}.jpg</filename><object><name>{}</name></object></annotation>"


def write_xml(folder: Path, name: str, encoding: str, declared: str) -> None:
    add_images(folder, *(f"JPEGImages/{image}.jpg" for image in IMAGES))
    (folder / "Annotations").mkdir()
    head = f'<?xml version="1.0" encoding="{declared}"?>' if declared else ""
    for image, label in zip(IMAGES, [name, "dog"] * 3, strict=True):
        text = head + XML.format(image, label)
        (folder / "Annotations" / f"{image}.xml").write_bytes(text.encode(encoding))


def write_table(folder: Path, name: str, encoding: str) -> None:
    add_images(folder, *(f"images/{image}.jpg" for image in IMAGES))
    lines = [f"{image}.jpg,{label}" for image, label in zip(IMAGES, [name, "dog"] * 3, strict=True)]
    (folder / "labels.csv").write_bytes("\n".join(["image,labels", *lines]).encode(encoding))


def write_class_list(folder: Path, name: str, encoding: str) -> None:
    write_table(folder, name, "utf-8")
    (folder / "classes.txt").write_bytes(f"{name}\ndog\n".encode(encoding))


def write_coco(folder: Path, name: str, encoding: str) -> None:
    add_images(folder, *(f"{image}.jpg" for image in IMAGES))
    images = ",".join(f'{{"id": {i}, "file_name": "{image}.jpg"}}' for i, image in enumerate(IMAGES))
    annotations = ",".join(f'{{"image_id": {i}, "category_id": {i % 2}}}' for i in range(len(IMAGES)))
    categories = f'{{"id": 0, "name": "{name}"}}, {{"id": 1, "name": "dog"}}'
    text = f'{{"images": [{images}], "annotations": [{annotations}], "categories": [{categories}]}}'
    (folder / "labels.json").write_bytes(text.encode(encoding))


FILES: dict[Source, tuple[Callable[[Path, str, str], None], str]] = {
    "csv": (write_table, "labels.csv"),
    "coco": (write_coco, "labels.json"),
    "voc": (lambda folder, name, encoding: write_xml(folder, name, encoding, "utf-8"), "a.xml"),
}


def names_of(inspection: Inspection) -> tuple[str, ...]:
    return inspection.manifest.classes if inspection.manifest else ()


@pytest.mark.parametrize("source", FILES)
@pytest.mark.parametrize(
    ("name", "encoding"), [("crâne", "latin-1"), ("l\u2019œuf", "cp1252"), ("貓", "big5")]
)
def test_bytes_that_are_no_utf8_are_named(tmp_path: Path, source: Source, name: str, encoding: str) -> None:
    write, file = FILES[source]
    write(tmp_path, name, encoding)
    error = next(line for line in inspect(source, tmp_path).errors if file in line)
    assert "got bytes of another encoding than utf-8" in error
    assert "UTF-8" in error.split("got")[1]


@pytest.mark.parametrize("source", FILES)
def test_chinese_that_happens_to_be_utf8_is_named(tmp_path: Path, source: Source) -> None:
    write, file = FILES[source]
    write(tmp_path, "猫", "gbk")
    warning = f"expected names in the encoding of their file, got 1 that may be another: 'è' ({file})"
    assert any(
        warning in line and "Save the file as UTF-8" in line for line in inspect(source, tmp_path).warnings
    )


@pytest.mark.parametrize(
    ("name", "encoding"), [("crâne", "latin-1"), ("l\u2019œuf", "cp1252"), ("貓", "big5")]
)
def test_class_lists_of_another_encoding_are_named(tmp_path: Path, name: str, encoding: str) -> None:
    write_class_list(tmp_path, name, encoding)
    errors = inspect("csv", tmp_path).errors
    assert any("classes.txt" in line and "Save it as UTF-8 text." in line for line in errors)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("write", [write_table, write_class_list])
def test_text_with_zeros_between_its_letters_is_named(
    tmp_path: Path, write: Callable[[Path, str, str], None], encoding: str
) -> None:
    write(tmp_path, "cat", encoding)
    file = "labels.csv" if write is write_table else "classes.txt"
    (error,) = (line for line in inspect("csv", tmp_path).errors if file in line)
    assert "got zeros between the letters, as in UTF-16" in error
    assert "UTF-8" in error.split("got")[1]


@pytest.mark.parametrize(
    ("name", "encoding", "declared"),
    [("crâne", "utf-8", "ISO-8859-1"), ("猫", "gbk", "ISO-8859-1"), ("l\u2019œuf", "cp1252", "ISO-8859-1")],
)
def test_xml_that_names_another_encoding_is_named(
    tmp_path: Path, name: str, encoding: str, declared: str
) -> None:
    write_xml(tmp_path, name, encoding, declared)
    inspection = inspect("voc", tmp_path)
    assert any("names in the encoding of their file" in line for line in inspection.warnings)


@pytest.mark.parametrize(
    ("name", "encoding", "declared"),
    [
        *(("crâne", "utf-8", ""), ("crâne", "latin-1", "ISO-8859-1"), ("猫", "gbk", "GBK")),
        *(("貓", "big5", "Big5"), ("猫", "utf-16", "UTF-16"), ("猫", "utf-8-sig", "utf-8")),
    ],
)
def test_xml_in_the_encoding_that_it_names(tmp_path: Path, name: str, encoding: str, declared: str) -> None:
    write_xml(tmp_path, name, encoding, declared)
    inspection = inspect("voc", tmp_path)
    assert set(names_of(inspection)) == {name, "dog"}
    assert not any("names in the encoding of their file" in line for line in inspection.warnings)
