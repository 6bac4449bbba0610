"""Files that are whole or absent, and paths that stay inside."""

from pathlib import Path

import pytest

from pipeline.base import files


def test_a_failed_write_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    target = tmp_path / "a" / "numbers.json"
    files.write_json(target, {"b": 1, "a": 2})
    with pytest.raises(ValueError, match="JSON"):
        files.write_json(target, {"a": float("nan")})
    with pytest.raises(TypeError):
        files.write_bytes(target, "text")  # type: ignore[arg-type]  # fails after the part file was opened
    assert target.read_text() == '{\n  "a": 2,\n  "b": 1\n}\n'
    assert [path.name for path in target.parent.iterdir()] == ["numbers.json"]


def test_read_json_returns_what_was_written(tmp_path: Path) -> None:
    files.write_json(tmp_path / "x.json", {"ä": [1, None]})
    assert files.read_json(tmp_path / "x.json") == {"ä": [1, None]}


def test_csv_has_a_header_and_unix_lines(tmp_path: Path) -> None:
    files.write_csv(tmp_path / "x.csv", ("b", "a"), [{"a": 1, "b": "x,y"}])
    assert (tmp_path / "x.csv").read_bytes() == b'b,a\n"x,y",1\n'


def test_written_files_can_be_read_by_others(tmp_path: Path) -> None:
    files.write_text(tmp_path / "x.txt", "x")
    assert (tmp_path / "x.txt").stat().st_mode & 0o777 == 0o644


@pytest.mark.parametrize("relative", ["a.png", "deep/er/a.png", "deep/../a.png"])
def test_paths_inside_pass(tmp_path: Path, relative: str) -> None:
    assert files.inside(tmp_path, relative) == tmp_path / relative


@pytest.mark.parametrize("relative", ["../a.png", "deep/../../a.png", "/etc/passwd", "link/a.png"])
def test_paths_that_leave_are_refused(tmp_path: Path, relative: str) -> None:
    folder = tmp_path / "inner"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    with pytest.raises(ValueError, match="leaves the folder"):
        files.inside(folder, relative)
