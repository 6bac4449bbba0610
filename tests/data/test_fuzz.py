"""Broken and hostile files: every reader gives samples or a list of problems, and nothing else.

`CAMSEG_FUZZ=1000 pytest tests/data/test_fuzz.py` tries so many inputs of each kind.
"""

import copy
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipeline.base import files
from pipeline.data.inspection import Inspection, write_ground_truth
from pipeline.data.sources.detect import detect_source
from pipeline.params import Source
from tests.data.folders import inspect, make_coco, make_voc, write_list
from tests.data.test_mask_folders import add_mask
from tests.data.test_sources import CVAT, VOC, add_images, make_labelstudio
from tests.data.test_tool_formats import make_labelme, make_mvtec, make_via, make_yolo
from tests.image_folder import make_image_folder

COUNT = int(os.environ.get("CAMSEG_FUZZ", "25"))
FUZZ = settings(max_examples=COUNT, deadline=None, suppress_health_check=list(HealthCheck))
SECRET = "secret.jpg"  # lies beside the folder: must not be opened

NAMES = st.sampled_from(
    [
        "../secret.jpg",
        "/etc/passwd",
        "link.jpg",
        "a\0b.jpg",
        "..",
        ".",
        "",
        "x" * 5000,
        "\ud800.jpg",
        "a/../../secret.jpg",
    ]
)
LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | NAMES | st.just(10**400)
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)
TOKENS = (
    b"\0",
    b"\xff",
    b'"',
    b"<",
    b">",
    b"&x;",
    b",",
    b";",
    b"\n",
    b"\r",
    b"]",
    b"}",
    b"..",
    b"9" * 5000,
    b"<!DOCTYPE a>",
    b"1e999",
    b' encoding="GBK"',
    b"\xff\xfe",
    b' outside="1"',
    *(b"9" * 400, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0" * 8),
)
# What tools write where camseg expects a number, an outline, a name or a flag.
ODD = st.sampled_from(
    [
        *(
            "1",
            1.0,
            " 7 ",
            "1.0",
            True,
            None,
            "",
            -1,
            10**30,
            0.5,
            "ignore",
            "background",
            "nan",
            "é",
            "e\u0301",
        ),
        *([[]], [[1, 1]], [[1, 1, 2, 2]], [[0, 0, 9e9, 0, 1, 1]], [[0, 0, 3, 0, 3, 3], [1]], [[["a", "b"]]]),
        *(float("nan"), float("inf"), [[float("nan")] * 6]),
        {"size": ["6", 8.0], "counts": [48]},
        {"size": [6, 8], "counts": "0"},
        {"taxonomy": [["Animal", "Dog"], [], [3], "x"]},
        {"rating": 3},
        [{"choices": []}],
        "images\\a.jpg",
        "%2e%2e/secret.jpg",
        "C:\\secret.jpg",
        "/data/dog.jpg?x=../secret.jpg",
    ]
)


def make_csv(folder: Path) -> None:
    make_image_folder(folder, images=4)
    (folder / "classes.txt").write_text("disc\nsquare\ntriangle\n")
    (folder / "labelmap.txt").write_text("background:0,0,0::\ndisc:1,2,3::\n")


def make_voc_year(folder: Path) -> None:
    make_voc(folder, VOC)
    write_list(folder, "Segmentation/train.txt", "a", "b", "c")
    write_list(folder, "Segmentation/val.txt", "d")


def make_cvat(folder: Path) -> None:
    add_images(folder, "images/a.jpg", "images/x/b.jpg", "images/c.jpg", "images/d.jpg")
    (folder / "annotations.xml").write_text(CVAT)


def make_mask_folder(folder: Path) -> None:
    for name in "abcd":
        add_images(folder, f"images/{name}.jpg")
        add_mask(folder / "masks" / f"{name}.png", value=1)
    (folder / "classes.txt").write_text("cat\n")
    (folder / "train.txt").write_text("a\nb\n")
    (folder / "val.txt").write_text("c.jpg\nimages/d.jpg\n")


def make_product(folder: Path) -> None:
    make_mvtec(folder)
    (folder / "colours.txt").write_text("background:0,0,0\ncrack:255,255,255\n")
    (folder / "train.txt").write_text("train/good/0.jpg\ntest/crack/1\n")


FOLDERS: dict[Source, tuple[Callable[[Path], object], tuple[str, ...]]] = {
    "csv": (make_csv, ("labels.csv", "classes.txt", "labelmap.txt")),
    "coco": (make_coco, ("annotations/instances.json",)),
    "voc": (make_voc_year, ("Annotations/a.xml", "ImageSets/Segmentation/train.txt")),
    "labelstudio": (make_labelstudio, ("export.json",)),
    "cvat": (make_cvat, ("annotations.xml",)),
    "yolo": (make_yolo, ("data.yaml", "labels/train/a.txt", "labels/val/b.txt")),
    "labelme": (make_labelme, ("a.json", "b.json")),
    "via": (make_via, ("via.json",)),
    "masks": (make_mask_folder, ("classes.txt", "masks/a.png", "train.txt")),
    "mvtec": (make_product, ("colours.txt", "ground_truth/crack/0_mask.png", "train.txt")),
}


@contextmanager
def guarded(folder: Path) -> Iterator[None]:
    """No file beside the folder may be opened."""
    opened: list[str] = []
    WATCHERS.append(opened)
    try:
        yield
    finally:
        WATCHERS.clear()
    top = os.fspath(folder.parent.resolve())
    real = {os.path.realpath(name) for name in opened}
    outside = real & {f"{top}/{SECRET}", "/etc/passwd"}
    assert not outside


WATCHERS: list[list[str]] = []


@pytest.fixture(scope="module", autouse=True)
def audit() -> None:
    """Note what is opened while someone watches: a hook cannot be taken away again."""

    def note(event: str, arguments: tuple[Any, ...]) -> None:
        if WATCHERS and event == "open" and isinstance(arguments[0], str | bytes | os.PathLike):
            WATCHERS[-1].append(os.fsdecode(arguments[0]))

    sys.addaudithook(note)


def test_the_guard_sees_what_is_opened(tmp_path: Path) -> None:
    add_images(tmp_path, SECRET, "images/a.jpg")
    (tmp_path / "images" / "link.jpg").symlink_to(tmp_path / SECRET)
    with guarded(tmp_path / "images"):
        (tmp_path / "images" / "a.jpg").read_bytes()
    with pytest.raises(AssertionError, match=SECRET), guarded(tmp_path / "images"):
        (tmp_path / "images" / "link.jpg").read_bytes()


def examine(source: Source, folder: Path) -> None:
    """Read the folder; whatever is in it, what comes out is whole."""
    with guarded(folder):
        detect_source(folder)
        inspection: Inspection = inspect(source, folder)
        lines = (*inspection.errors, *inspection.warnings)
        assert (inspection.manifest is None) == bool(inspection.errors)
        assert all(line.isprintable() for line in lines)
        if inspection.manifest is not None:
            write_ground_truth(inspection, folder.parent / "full")
            for sample in inspection.manifest.samples:
                files.safe_join(folder, sample.image)


@contextmanager
def fresh(source: Source) -> Iterator[Path]:
    top = Path(tempfile.mkdtemp(prefix="fuzz"))
    try:
        folder = top / "images"
        folder.mkdir()
        FOLDERS[source][0](folder)
        add_images(top, SECRET)
        (folder / "link.jpg").symlink_to(top / SECRET)
        yield folder
    finally:
        shutil.rmtree(top)


def paths_of(value: Any, above: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value inside a JSON document."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [above, *(path for key, inner in items for path in paths_of(inner, (*above, key)))]


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    changed = copy.deepcopy(document)
    inner = changed
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    return changed


@pytest.mark.parametrize("source", FOLDERS)
@FUZZ
@given(data=st.data())
def test_bytes_put_anywhere(source: Source, data: st.DataObject) -> None:
    with fresh(source) as folder:
        file = folder / data.draw(st.sampled_from(FOLDERS[source][1]))
        content = bytearray(file.read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            start = data.draw(st.integers(0, len(content)))
            length = data.draw(st.integers(0, 20))
            content[start : start + length] = data.draw(st.sampled_from(TOKENS) | st.binary(max_size=8))
        file.write_bytes(content)
        examine(source, folder)


@pytest.mark.parametrize("source", FOLDERS)
@FUZZ
@given(content=st.binary(max_size=200))
def test_random_bytes(source: Source, content: bytes) -> None:
    with fresh(source) as folder:
        for name in FOLDERS[source][1]:
            (folder / name).write_bytes(content)
        examine(source, folder)


@pytest.mark.parametrize("source", ["coco", "labelstudio", "labelme", "via"])
@FUZZ
@given(data=st.data())
def test_json_with_other_values(source: Source, data: st.DataObject) -> None:
    with fresh(source) as folder:
        file = folder / FOLDERS[source][1][0]
        document = json.loads(file.read_text())
        for _ in range(data.draw(st.integers(1, 3))):
            path = data.draw(st.sampled_from(paths_of(document)))
            document = replaced(document, path, data.draw(VALUES | ODD))
        file.write_text(json.dumps(document))
        examine(source, folder)


@pytest.mark.parametrize("source", ["csv", "voc", "cvat", "coco", "labelstudio", "labelme", "via"])
@FUZZ
@given(data=st.data())
def test_names_of_other_files(source: Source, data: st.DataObject) -> None:
    """Names of images are replaced by paths that lead elsewhere."""
    known = {
        "csv": "photo-01.jpg",
        "voc": "b",
        "cvat": "x/b.jpg",
        "coco": "dog.jpg",
        "labelstudio": "later.jpg",
        "labelme": "a.jpg",
        "via": "a.jpg",
    }
    with fresh(source) as folder:
        name = FOLDERS[source][1][1 if source == "voc" else 0]
        text = (folder / name).read_text()
        assert known[source] in text
        other = data.draw(NAMES).encode("utf-8", "replace").decode()
        (folder / name).write_text(text.replace(known[source], other))
        examine(source, folder)


@FUZZ
@given(data=st.data())
def test_coco_with_other_ids_flags_and_sizes(data: st.DataObject) -> None:
    """The values of one kind, all of them: what a tool writes, it writes everywhere."""
    with fresh("coco") as folder:
        file = folder / FOLDERS["coco"][1][0]
        document = json.loads(file.read_text())
        key = data.draw(
            st.sampled_from(["id", "image_id", "category_id", "iscrowd", "height", "segmentation"])
        )
        odd = data.draw(st.lists(ODD, min_size=1, max_size=3))
        entries = [entry for part in document.values() for entry in part if key in entry]
        for index, entry in enumerate(entries):
            entry[key] = data.draw(st.sampled_from([*odd, entry[key], str(entry[key])])) if index else odd[0]
        file.write_text(json.dumps(document))
        examine("coco", folder)


@FUZZ
@given(data=st.data())
def test_other_json_beside_an_export(data: st.DataObject) -> None:
    source: Source = data.draw(st.sampled_from(["coco", "labelstudio"]))
    with fresh(source) as folder:
        name = data.draw(
            st.sampled_from(["a.json", ".hidden.json", ".git/a.json", "z/b.json", "captions_a.json"])
        )
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(data.draw(VALUES | ODD)))
        examine(source, folder)


@FUZZ
@given(data=st.data())
def test_voc_with_files_that_are_gone(data: st.DataObject) -> None:
    with fresh("voc") as folder:
        files = sorted(file for file in folder.rglob("*") if file.is_file() and not file.is_symlink())
        for file in data.draw(st.lists(st.sampled_from(files), min_size=1, max_size=6, unique=True)):
            file.unlink()
        examine("voc", folder)


@FUZZ
@given(data=st.data())
def test_folders_of_any_name(data: st.DataObject) -> None:
    top = Path(tempfile.mkdtemp(prefix="fuzz"))
    try:
        words = st.text(st.characters(codec="utf-8", exclude_characters="/\0"), min_size=1, max_size=12)
        for index, name in enumerate(data.draw(st.lists(words, min_size=1, max_size=4))):
            if name not in (".", ".."):
                add_images(top / "images" / name, f"{index}.jpg", f"{index}b.jpg")
        (top / "images").mkdir(exist_ok=True)
        examine("imagefolder", top / "images")
    finally:
        shutil.rmtree(top)
