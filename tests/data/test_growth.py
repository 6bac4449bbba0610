"""What is done for an image or a class does not grow with how many there are: counted, not timed."""

import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from pipeline.base.problems import Location
from pipeline.data import inspection, mask_survey
from pipeline.data.classes import leave_out_unseen
from pipeline.data.folder_contents import check_contents
from pipeline.data.inspection import inspect_folder, write_ground_truth
from pipeline.data.sources import yolo
from pipeline.data.sources.csv_columns import find_columns, said_of_columns
from pipeline.data.sources.csv_table import LabelTable
from pipeline.data.sources.records import ParsedSource, SourceRecord
from pipeline.data.val_split import choose_val
from pipeline.params import load_params
from tests.counting import PER_ITEM, CountedText, Counter

MANY = 400
AT = Location(Path("labels.csv"), "line 3")


@pytest.fixture(autouse=True)
def looks_stay_few() -> Iterator[None]:
    Counter.looks = 0
    yield
    assert Counter.looks <= PER_ITEM * MANY


def test_labels_in_a_wrong_column_are_as_many_as_images() -> None:
    labels = [CountedText(f"text {i}") for i in range(MANY)]
    records = tuple(SourceRecord(f"i{i}", f"i{i}.jpg", (label,), AT) for i, label in enumerate(labels))
    parsed = ParsedSource(Path("labels.csv"), records, tuple(labels), tuple(labels))
    mapping, kept, problems = leave_out_unseen(parsed, load_params().data)
    assert len(mapping.classes) == len(kept) == MANY
    assert [problem.got for problem in problems] == [str(MANY)]  # 1 to 254 classes


def test_val_is_drawn_of_as_many_classes_as_images() -> None:
    labels = {f"i{i}": (CountedText(f"c{i}"),) for i in range(MANY)}
    assert not choose_val(labels, 0.2, seed=0)  # each class keeps its only image


def test_files_that_nothing_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(MANY):
        (tmp_path / f"{i}.jp2").touch()
    monkeypatch.setattr("pipeline.data.folder_contents.readable_name", lambda name: CountedText(name))
    (problem,) = check_contents(tmp_path, [])
    assert problem.got.startswith(f"{MANY} that look like images")


def test_images_without_a_text_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "0.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    names = [CountedText(f"{i}.jpg") for i in range(MANY)]
    monkeypatch.setattr(yolo, "images_below", lambda *_: names)
    assert len(yolo.read_folder(tmp_path).records) == MANY


def test_columns_of_classes() -> None:
    header = ("image", *(CountedText(f"kind {i}") for i in range(MANY // 2)), CountedText("odd"))
    rows = [(f"{n}.jpg", *("01"[(n + i) % 2] for i in range(MANY // 2)), "1" if n else "?") for n in range(8)]
    table = LabelTable(Path("labels.csv"), header, tuple(enumerate(rows, 2)))
    columns = find_columns(table)
    assert columns.classes == header[1:-1]
    read, odd = said_of_columns(table, columns)
    assert "not read: odd" in read.got
    assert (odd.location, odd.got) == (Location(Path("labels.csv"), "line 2"), "'?' in `odd`")


@pytest.mark.parametrize("files", [1, 2])
def test_workers_get_what_concerns_their_masks(
    files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Masks of 1 mean the only label of their image; of two halves each, they have to be counted."""
    handed: dict[int, list[int]] = {}

    def spy(function: Callable[[Any], Any], items: list[Any], **_options: Any) -> list[Any]:
        sizes = handed.setdefault(len(images), [])
        sizes += [len(pickle.dumps(function)) + len(pickle.dumps(item)) for item in items[:1]]
        return [function(item) for item in items]

    for module in (mask_survey, inspection):
        monkeypatch.setattr(module, "parallel_map", spy)
    if files == 2:
        monkeypatch.setattr(mask_survey, "_is_partly_known", lambda record, _content: bool(record.mask))
    for count in (8, 64):
        folder = tmp_path / str(count)
        images = [f"image-{i:05d}" for i in range(count)]
        write_folder(folder, images)
        found = inspect_folder("csv", folder, load_params().data, seed=0)
        assert found.masks is not None
        assert len(found.masks.reader.own) == count
        monkeypatch.setattr(inspection, "in_blocks", lambda entries: [[entry] for entry in entries])
        write_ground_truth(found, folder / "written")
    few, many = handed.values()
    assert len(few) == files
    assert many == pytest.approx(few, abs=100)


def write_folder(folder: Path, images: list[str]) -> None:
    for part in ("images", "masks"):
        (folder / part).mkdir(parents=True)
    mask = np.zeros((20, 30), np.uint8)
    mask[5:15, 5:15] = 1
    lines = ["image,labels,split"]
    for i, name in enumerate(images):
        Image.new("RGB", (30, 20), (i, 90, 200)).save(folder / "images" / f"{name}.png")
        Image.fromarray(mask).save(folder / "masks" / f"{name}.png")
        lines.append(f"{name}.png,{'cat' if i % 2 else 'dog'},{'val' if i % 4 < 2 else 'train'}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
