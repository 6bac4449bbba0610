"""The resumable work folder: it goes on with its own work alone."""

import json
import os
from hashlib import sha256
from pathlib import Path

import pytest

from pipeline.base import imports
from pipeline.base.work_folder import file_digest, fingerprint, publish, work_folder
from pipeline.params import ScenesParams, load_params

STAGE = str(imports.ROOT / "stages/prepare.py")


@pytest.fixture(autouse=True)
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_same_parts_same_folder_and_work_is_found_again(capsys: pytest.CaptureFixture[str]) -> None:
    Path("input").write_text("a")
    folder = work_folder("stage", STAGE, params={"lr": 1}, data=Path("input"))
    assert "goes on" not in capsys.readouterr().out
    (folder / "half").touch()
    assert work_folder("stage", STAGE, data=Path("input"), params={"lr": 1}) == folder
    assert "goes on" in capsys.readouterr().out


def test_half_files_of_a_killed_run_go_and_those_that_other_parts_write_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    half = work_folder("stage", STAGE) / ".mask.png.0a1b.part"
    half.touch()
    monkeypatch.setenv("CAMSEG_PART", "1/2")
    assert work_folder("stage", STAGE) == half.parent
    assert half.exists()
    monkeypatch.delenv("CAMSEG_PART")
    work_folder("stage", STAGE)
    assert not half.exists()


def test_other_params_or_input_bytes_mean_another_folder() -> None:
    Path("input").write_text("a")
    first = work_folder("stage", STAGE, params={"lr": 1}, data=Path("input"))
    assert work_folder("stage", STAGE, params={"lr": 2}, data=Path("input")) != first
    Path("input").write_text("b")
    assert work_folder("stage", STAGE, params={"lr": 1}, data=Path("input")) != first


def test_parts_do_not_run_into_each_other() -> None:
    lists = [
        {"seed": 1, "side": 2128},
        {"seed": 12, "side": 128},  # the same digits
        {"side": 1, "seed": 2128},
        {"seed": [1, 2128]},
        {"seed": "1", "side": 2128},
        {"seed": 1, "side": "2128"},
        {"seed": 1, "side": 2128, "device": None},
        {},
    ]
    assert len({fingerprint(STAGE, parts) for parts in lists}) == len(lists)


def test_a_section_of_the_params_counts_with_its_values() -> None:
    shipped = load_params(imports.ROOT.parent / "params.yaml").scenes
    same = ScenesParams.model_validate(shipped.model_dump())
    other = shipped.model_copy(update={"train": shipped.train + 1})
    assert fingerprint(STAGE, {"params": shipped}) == fingerprint(STAGE, {"params": same})
    assert fingerprint(STAGE, {"params": shipped}) != fingerprint(STAGE, {"params": other})


def test_a_part_that_has_no_value_is_refused() -> None:
    with pytest.raises(TypeError, match="got <object"):
        fingerprint(STAGE, {"net": object()})


def test_digest_of_a_folder_sees_names_and_bytes() -> None:
    Path("f/sub").mkdir(parents=True)
    Path("f/sub/x").write_text("1")
    before = file_digest(Path("f"))
    Path("f/sub/x").rename("f/sub/y")
    renamed = file_digest(Path("f"))
    Path("f/sub/y").write_text("2")
    assert len({before, renamed, file_digest(Path("f"))}) == 3


def test_digest_of_a_folder_by_hand() -> None:
    for name in ("b", "a/c", "a.d"):  # sorted by parts, not by letters
        Path("f", name).parent.mkdir(parents=True, exist_ok=True)
        Path("f", name).write_text(name)
    listed = [[name, sha256(name.encode()).hexdigest()] for name in ("a/c", "a.d", "b")]
    assert file_digest(Path("f")) == sha256(json.dumps(listed).encode()).hexdigest()


def test_publish_moves_and_clears_the_work() -> None:
    folder = work_folder("stage", STAGE, seed=1)
    (folder / "model").mkdir()
    (folder / "model" / "weights").write_text("new")
    Path("out").mkdir()
    Path("out/old").touch()
    publish("stage", {folder / "model": Path("out")})
    assert [p.name for p in Path("out").iterdir()] == ["weights"]
    assert not folder.parent.exists()


@pytest.mark.parametrize("target", ["out", "reports/out", "data/masks/out"])
def test_what_is_published_reaches_the_disk(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = work_folder("stage", STAGE, seed=1)
    (folder / "model").mkdir()
    synced: list[int] = []

    def fsync(handle: int) -> None:
        assert Path(target).is_dir()
        synced.append(os.fstat(handle).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    publish("stage", {folder / "model": Path(target)})
    assert synced == [Path(target).parent.stat().st_ino]


@pytest.mark.parametrize("kind", ["link to a folder", "broken link", "link to a file", "file"])
def test_publish_replaces_what_is_in_its_place_and_leaves_alone_what_a_link_leads_to(kind: str) -> None:
    folder = work_folder("stage", STAGE, seed=1)
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

    folder = work_folder("stage", STAGE, seed=1)
    (folder / "model").mkdir()
    Path("out").mkdir()
    monkeypatch.setattr("shutil.rmtree", refuse)
    with pytest.raises(PermissionError, match="out"):
        publish("stage", {folder / "model": Path("out")})
    assert (folder / "model").is_dir()
