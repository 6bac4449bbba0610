"""Files that are whole or absent, and paths that stay inside."""

import errno
import json
import os
import resource
import signal
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from pipeline.base import files
from pipeline.errors import UserError


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


@pytest.mark.parametrize("entries", [[], [1], [{"b": "é\n", "a": [1.5, None]}, [], "x"]])
def test_a_json_list_in_parts_is_that_of_json(entries: list[object]) -> None:
    assert b"".join(files.json_list(iter(entries))).decode() == json.dumps(entries, ensure_ascii=False)


def test_parts_that_end_early_leave_no_file(tmp_path: Path) -> None:
    def parts() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        files.write_parts(tmp_path / "a", parts())
    assert not list(tmp_path.iterdir())
    files.write_parts(tmp_path / "a", (b"one", b"two"))
    assert (tmp_path / "a").read_bytes() == b"onetwo"


def test_csv_has_a_header_and_unix_lines(tmp_path: Path) -> None:
    files.write_csv(tmp_path / "x.csv", ("b", "a"), [{"a": 1, "b": "x,y"}])
    assert (tmp_path / "x.csv").read_bytes() == b'b,a\n"x,y",1\n'


@pytest.mark.parametrize("relative", ["a.png", "deep/er/a.png", "deep/../a.png", "link/a.png", "a" * 999, ""])
def test_paths_inside_pass(tmp_path: Path, relative: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "deep")
    assert files.safe_join(tmp_path, relative) == tmp_path / relative


@pytest.mark.parametrize(
    "relative",
    ["../a.png", "deep/../../a.png", "/etc/passwd", "link/a.png", "deep/a.png", "deep/link/b/a.png"],
)
def test_paths_that_leave_are_refused(tmp_path: Path, relative: str) -> None:
    folder = tmp_path / "inner"
    (folder / "deep").mkdir(parents=True)
    for link in ("link", "deep/a.png", "deep/link"):
        (folder / link).symlink_to(tmp_path)
    with pytest.raises(ValueError, match="leaves the folder"):
        files.safe_join(folder, relative)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o002, 0o664), (0o077, 0o600)])
def test_files_have_the_mode_that_the_umask_leaves(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        files.write_text(tmp_path / "x.txt", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "x.txt").stat().st_mode & 0o777 == mode


def test_content_reaches_the_disk_before_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []

    def fsync(handle: int) -> None:
        assert not (tmp_path / "x.txt").exists()
        (half,) = tmp_path.iterdir()
        assert half.stat().st_ino == os.fstat(handle).st_ino
        synced.append(half.read_bytes())

    monkeypatch.setattr(os, "fsync", fsync)
    files.write_text(tmp_path / "x.txt", "whole")
    assert synced == [b"whole"]


def test_a_write_replaces_a_link_and_leaves_alone_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("old")
    (tmp_path / "x.txt").symlink_to("old")
    files.write_text(tmp_path / "x.txt", "new")
    assert not (tmp_path / "x.txt").is_symlink()
    assert (tmp_path / "old").read_text() == "old"


def fill_the_disk(path: Path) -> None:
    """Write a file larger than this process may: to Python, that is as a disk that is full."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    files.write_bytes(path, bytes(250_000))


def test_a_full_disk_names_the_file_and_what_it_needs(tmp_path: Path) -> None:
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        error = pool.submit(fill_the_disk, tmp_path / "x.npz").exception()
    assert isinstance(error, OSError)
    assert error.errno == errno.EFBIG
    assert error.filename == str(tmp_path / "x.npz")
    assert "in writing 0.250 MB" in str(error)
    assert not list(tmp_path.iterdir())


def test_renew_replaces_a_link_and_leaves_alone_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "x").touch()
    for target in ("old", "gone", "old/x"):
        link = tmp_path / f"link-{Path(target).name}"
        link.symlink_to(target)
        files.recreate_dir(link)
        assert link.is_dir()
        assert not link.is_symlink()
        assert not list(link.iterdir())
    assert (tmp_path / "old" / "x").exists()
    files.recreate_dir(tmp_path / "old")
    assert not list((tmp_path / "old").iterdir())


def test_what_is_no_json_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": 1')
    with pytest.raises(UserError, match=r"x\.json: expected JSON in UTF-8: "):
        files.read_json(tmp_path / "x.json")


def test_only_an_empty_folder_gets_a_note(tmp_path: Path) -> None:
    for _ in range(2):
        files.note_if_empty(tmp_path, "Nothing here.")
        assert [path.name for path in tmp_path.iterdir()] == ["README.txt"]
    (tmp_path / "README.txt").rename(tmp_path / "a.png")
    files.note_if_empty(tmp_path, "Nothing here.")
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]
