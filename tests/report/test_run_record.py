"""What a run was, and what changed against the one before."""

import subprocess
from pathlib import Path

import pytest

from pipeline.base.files import read_json, write_json
from pipeline.report.run_record import MOST_RUNS, commit, make_record, write_record

PARAMS = {"seed": 3, "data": {"classes": ["<b>", "b"], "path": "x"}}


def record(folder: Path, miou: float | None = 0.5, **params: object) -> dict:
    write_json(folder / "seconds/train@cam.json", {"seconds": 12.5})
    summary = {"segmentation": {"cam": {"miou": miou, "findings": {"a": 1}}}, "split": "val"}
    return make_record(PARAMS | params, summary, folder / "seconds", "a <device>")


@pytest.mark.parametrize(
    ("miou", "params", "expected"),
    [
        (0.5, {}, []),
        (0.6, {}, ["segmentation.cam.miou: 0.5 -> 0.6"]),
        (None, {"seed": 4}, ["seed: 3 -> 4", "segmentation.cam.miou: 0.5 -> None"]),
        (0.5, {"data": {"classes": ["a"]}}, ["data.classes: ['<b>', 'b'] -> ['a']", "data.path: x -> None"]),
    ],
)
def test_what_changed(tmp_path: Path, miou: float | None, params: dict, expected: list[str]) -> None:
    assert write_record(tmp_path, record(tmp_path)) == []
    assert "first report" in (tmp_path / "run.html").read_text()
    assert write_record(tmp_path, record(tmp_path, miou, **params)) == expected
    page = (tmp_path / "run.html").read_text()
    assert ("No param and no score changed" in page) == (not expected)
    assert "a &lt;device&gt;" in page
    assert "<td>train@cam</td><td>12.5</td>" in page
    assert "findings" not in (tmp_path / "runs.json").read_text()


def test_some_runs_are_kept(tmp_path: Path) -> None:
    for number in range(MOST_RUNS + 2):
        write_record(tmp_path, record(tmp_path, number / 100))
    runs = read_json(tmp_path / "runs.json")
    assert runs[0]["scores"]["segmentation.cam.miou"] == 0.02
    assert len(runs) == MOST_RUNS


@pytest.mark.parametrize("kind", ["none", "clean", "changed"])
def test_the_commit_of_the_project(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    if kind != "none":
        Path("a").write_text("1")
        author = ["-c", "user.name=a", "-c", "user.email=a@b"]
        for arguments in (["init", "-q"], ["add", "a"], [*author, "commit", "-q", "-m", "x"]):
            subprocess.run(["git", *arguments], check=True)
    if kind == "changed":
        Path("a").write_text("2")
    found = commit()
    assert (found is None) == (kind == "none")
    assert kind == "none" or found.endswith("+") == (kind == "changed")
