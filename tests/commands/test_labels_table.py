"""`camseg check --write-labels` and `--separator`."""

from pathlib import Path

import pytest

from pipeline.__main__ import main
from tests.data.folders import add_images


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    params = Path("params.yaml").read_text(encoding="utf-8")
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    Path("params.yaml").write_text(params, encoding="utf-8")
    monkeypatch.setenv("CAMSEG_WORKERS", "1")


@pytest.mark.parametrize(
    ("images", "cells"),
    [
        (["images/a.jpg", "images/sub/b, c.png"], ["a.jpg", '"sub/b, c.png"']),
        (["b.jpg", "a.jpg"], ["a.jpg", "b.jpg"]),
        (["photos/1.jpg", "photos/2.jpg"], ["photos/1.jpg", "photos/2.jpg"]),
    ],
)
def test_labels_to_fill_in(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], images: list[str], cells: list[str]
) -> None:
    folder = tmp_path / "data"
    add_images(folder, *images)
    assert main(["check", str(folder)]) == 1
    assert "labels.csv: expected a table of the labels, got no such file" in capsys.readouterr().out
    assert main(["check", str(folder), "--write-labels"]) == 0
    assert f"{len(cells)} images. Write their labels" in capsys.readouterr().out
    table = (folder / "labels.csv").read_text()
    assert table.splitlines() == ["image,labels", *(f"{cell}," for cell in cells)]
    assert main(["check", str(folder), "--write-labels"]) == 2
    assert (folder / "labels.csv").read_text() == table


def test_the_separator_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = tmp_path / "data"
    add_images(folder, *(f"images/{i}.jpg" for i in range(8)))
    lines = [f"{i}.jpg,{'cat-dog' if i % 2 else 'cat'}" for i in range(8)]
    (folder / "labels.csv").write_text("\n".join(["image,labels", *lines]))
    assert main(["use", str(folder), "--separator", "-", "--weights", "none"]) == 0
    output = capsys.readouterr().out
    assert "data.separator: auto -> -" in output
    assert main(["check", str(folder)]) == 0
    assert "cat-dog" not in capsys.readouterr().out
