"""Commands on many images: what they do for each does not grow with how many there are."""

from pathlib import Path
from typing import IO

import pytest

from pipeline.commands.predict_names import unread_files
from pipeline.commands.predict_page import read_predicted
from pipeline.commands.samples import SHOWN, choose_samples
from pipeline.data.manifest import Manifest, Sample
from tests.counting import PER_ITEM, CountedNumber, CountedPath, Counter

MANY = 400


def test_samples_of_many_classes_are_chosen_by_a_look_at_each() -> None:
    samples = [
        Sample(f"i{i}", "x.png", "", 10, 10, (CountedNumber(i // 2),), "train", i % 2 == 0, False)
        for i in range(MANY)
    ]
    manifest = Manifest("", tuple(f"c{i}" for i in range(MANY // 2)), tuple(samples))
    Counter.looks = 0
    chosen = choose_samples(manifest, 0)
    assert Counter.looks <= PER_ITEM * MANY
    assert [sample.labels for sample in chosen] == [(i,) for i in range(SHOWN)]
    assert all(sample.mask for sample in chosen)


def test_as_many_files_as_a_shell_hands_over(tmp_path: Path) -> None:
    files = [CountedPath(tmp_path / f"{i}.png") for i in range(MANY)]
    Counter.looks = 0
    assert unread_files(files, tmp_path / "out") == []
    assert Counter.looks <= PER_ITEM * MANY


def test_the_page_reads_the_table_image_by_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It has a row for each image and class: of many of both, more than the memory holds."""
    header = "image,mask,confidence,open,class,probability,share,objects,class_confidence\n"
    lines = [f"{i}.png,{i}.png,0.5,0,{c},0.5,0.25,{c == 'b':d},0.5\n" for i in range(5) for c in "abc"]
    (tmp_path / "predictions.csv").write_text(header + "".join(lines))
    held: list[int] = []
    opened = Path.open

    class Watched:
        """The open table; tells how many of its lines were read before the first image was made."""

        def __init__(self, file: IO[str]) -> None:
            self.file, self.read = file, 0

        def __iter__(self) -> "Watched":
            return self

        def __next__(self) -> str:
            self.read += 1
            held.append(self.read)
            return str(next(self.file))

        def __enter__(self) -> "Watched":
            return self

        def __exit__(self, *_error: object) -> None:
            self.file.close()

    monkeypatch.setattr(Path, "open", lambda path, *a, **o: Watched(opened(path, *a, **o)))
    made: list[int] = []

    def make(mask: str, rows: object, classes: object) -> str:
        made.append(held[-1])
        return mask

    monkeypatch.setattr("pipeline.commands.predict_page.predicted_image", make)
    assert read_predicted(tmp_path, ("a", "b", "c")) == [f"{i}.png" for i in range(5)]
    assert made == [5, 8, 11, 14, 17]  # the header, three rows, and the one that begins the next image
