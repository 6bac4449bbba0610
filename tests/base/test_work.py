"""The resumable work folder."""

from pathlib import Path

import pytest

from pipeline.base.work import file_digest, publish, work_folder


@pytest.fixture(autouse=True)
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_same_parts_same_folder_and_work_is_found_again(capsys: pytest.CaptureFixture[str]) -> None:
    Path("input").write_text("a")
    folder = work_folder("stage", {"lr": 1}, Path("input"))
    assert "goes on" not in capsys.readouterr().out
    (folder / "half").touch()
    assert work_folder("stage", {"lr": 1}, Path("input")) == folder
    assert "goes on" in capsys.readouterr().out


def test_other_params_or_input_bytes_mean_another_folder() -> None:
    Path("input").write_text("a")
    first = work_folder("stage", {"lr": 1}, Path("input"))
    assert work_folder("stage", {"lr": 2}, Path("input")) != first
    Path("input").write_text("b")
    assert work_folder("stage", {"lr": 1}, Path("input")) != first


def test_digest_of_a_folder_sees_names_and_bytes() -> None:
    Path("f/sub").mkdir(parents=True)
    Path("f/sub/x").write_text("1")
    before = file_digest(Path("f"))
    Path("f/sub/x").rename("f/sub/y")
    renamed = file_digest(Path("f"))
    Path("f/sub/y").write_text("2")
    assert len({before, renamed, file_digest(Path("f"))}) == 3


def test_publish_moves_and_clears_the_work() -> None:
    folder = work_folder("stage", 1)
    (folder / "model").mkdir()
    (folder / "model" / "weights").write_text("new")
    Path("out").mkdir()
    Path("out/old").touch()
    publish("stage", {folder / "model": Path("out")})
    assert [p.name for p in Path("out").iterdir()] == ["weights"]
    assert not folder.parent.exists()


@pytest.mark.parametrize("kind", ["link to a folder", "broken link", "link to a file", "file"])
def test_publish_replaces_what_is_in_its_place_and_leaves_alone_what_a_link_leads_to(kind: str) -> None:
    folder = work_folder("stage", 1)
    (folder / "model").mkdir()
    (folder / "model" / "weights").write_text("new")
    Path("elsewhere").mkdir()
    Path("elsewhere/weights").write_text("old")
    targets = {"link to a folder": "elsewhere", "broken link": "gone", "link to a file": "elsewhere/weights"}
    if kind in targets:
        Path("out").symlink_to(targets[kind])
    else:
        Path("out").write_text("old")
    publish("stage", {folder / "model": Path("out")})
    assert not Path("out").is_symlink()
    assert [p.name for p in Path("out").iterdir()] == ["weights"]
    assert Path("out/weights").read_text() == "new"
    assert [p.name for p in Path("elsewhere").iterdir()] == ["weights"]
    assert Path("elsewhere/weights").read_text() == "old"
    assert not Path("gone").exists()


def test_publish_says_what_it_may_not_remove(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    folder = work_folder("stage", 1)
    (folder / "model").mkdir()
    Path("out").mkdir()
    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(PermissionError, match="out"):
        publish("stage", {folder / "model": Path("out")})
    assert (folder / "model").is_dir()
