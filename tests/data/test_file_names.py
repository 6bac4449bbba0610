"""Names of images that a list writes in another case or without suffix: found if one file fits, and said."""

from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline.params import Source
from tests.data.folders import add_images, inspect, labels, write_json


def write_coco_names(folder: Path, names: list[str]) -> None:
    document = {
        "images": [{"id": i, "file_name": name} for i, name in enumerate(names)],
        "categories": [{"id": i, "name": name} for i, name in enumerate(("cat", "dog"))],
        "annotations": [{"image_id": i, "category_id": i % 2} for i in range(len(names))],
    }
    write_json(folder / "labels.json", document)


def write_tasks(folder: Path, names: list[str]) -> None:
    tasks = [{"image": f"/data/{name}", "choice": ("cat", "dog")[i % 2]} for i, name in enumerate(names)]
    write_json(folder / "export.json", tasks)


def write_labelme(folder: Path, names: list[str]) -> None:
    for i, name in enumerate(names):
        shape = {"label": ("cat", "dog")[i % 2], "points": [[1, 1], [2, 2]], "shape_type": "line"}
        write_json(folder / f"written/x{i}.json", {"shapes": [shape], "imagePath": name})


def write_csv(folder: Path, names: list[str]) -> None:
    lines = [f"{name},{('cat', 'dog')[i % 2]}" for i, name in enumerate(names)]
    (folder / "labels.csv").write_text("\n".join(["image,labels", *lines]))


def write_regions(folder: Path, names: list[str]) -> None:
    regions = [{"shape_attributes": {}, "region_attributes": {"class": name}} for name in ("cat", "dog")]
    write_json(
        folder / "via.json", {n: {"filename": n, "regions": [regions[i % 2]]} for i, n in enumerate(names)}
    )


LISTS_OF_NAMES: dict[Source, Callable[[Path, list[str]], None]] = {
    "coco": write_coco_names,
    "labelstudio": write_tasks,
    "labelme": write_labelme,
    "csv": write_csv,
    "via": write_regions,
}


@pytest.mark.parametrize("source", LISTS_OF_NAMES)
@pytest.mark.parametrize("written", ["{}.JPG", "{}", "PHOTOS/{}.jpg", "Photos/{}"])
def test_names_in_another_case_or_without_suffix(tmp_path: Path, source: Source, written: str) -> None:
    add_images(tmp_path, *(f"photos/0{i}.jpg" for i in range(6)), "Other/00.txt.jpg")
    LISTS_OF_NAMES[source](tmp_path, [written.format(f"0{i}") for i in range(6)])
    inspection = inspect(source, tmp_path)
    assert labels(inspection) == {f"photos/0{i}": (("cat", "dog")[i % 2],) for i in range(6)}
    said = [line for line in inspection.warnings if "spelt in another way" in line]
    # The longest end of a path that files have decides: the folder does not count where the name is right.
    assert len(said) == (0 if written == "PHOTOS/{}.jpg" else 1)
    assert all("got 6 spelt in another way" in line and "(photos/00.jpg)" in line for line in said)


@pytest.mark.parametrize("source", LISTS_OF_NAMES)
@pytest.mark.parametrize("other", ["photos/00.png", "more/00.JPEG", "more/00.jpg"])
def test_names_that_fit_several_files_are_refused(tmp_path: Path, source: Source, other: str) -> None:
    add_images(tmp_path, *(f"photos/0{i}.jpg" for i in range(6)), other)
    LISTS_OF_NAMES[source](tmp_path, [f"0{i}" for i in range(6)])
    errors = inspect(source, tmp_path).errors
    assert any("expected one image for" in line and "got 2: " in line for line in errors)


UPLOADS = {  # a file, and what Label Studio calls it
    "a b (1).jpg": "/data/upload/7/1a2b3c4d-a_b_1.jpg",
    "IMG+01,5.JPG": "/data/upload/7/1a2b3c4d-IMG015.JPG",
    "riña é.jpg": "/data/upload/7/1a2b3c4d-ri%C3%B1a_%C3%A9.jpg",
    "plain-1.jpg": "/data/upload/7/1a2b3c4d-plain-1.jpg",
    "0a1b2c3d-x y.jpg": "https://host/data/upload/7/1a2b3c4d-0a1b2c3d-x_y.jpg",
}


@pytest.mark.parametrize("file", UPLOADS)
def test_uploads_to_label_studio_are_found_by_their_names(tmp_path: Path, file: str) -> None:
    others = [f"other {i}.jpg" for i in range(6)]
    add_images(tmp_path, f"photos/{file}", *(f"photos/{name}" for name in others))
    tasks = [
        {"image": name, "choice": ("cat", "dog")[i % 2]} for i, name in enumerate([UPLOADS[file], *others])
    ]
    write_json(tmp_path / "export.json", tasks)
    inspection = inspect("labelstudio", tmp_path)
    assert labels(inspection)[f"photos/{Path(file).stem}"] == ("cat",)
    said = [line for line in inspection.warnings if "spelt in another way" in line]
    assert len(said) == (file != "plain-1.jpg")


def test_an_upload_that_fits_several_files_is_refused(tmp_path: Path) -> None:
    add_images(tmp_path, "photos/a b.jpg", "photos/a (b).jpg", "photos/a_b.JPEG")
    write_json(tmp_path / "export.json", [{"image": "/data/upload/7/1a2b3c4d-a_b.jpg", "choice": "cat"}])
    assert any(
        "got 2: photos/a (b).jpg, photos/a b.jpg" in line for line in inspect("labelstudio", tmp_path).errors
    )
