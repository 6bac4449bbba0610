"""What DVC sees of the code: a file for each stage that changes with what the stage imports."""

import hashlib
from pathlib import Path

import pytest

from pipeline.base import code_digests, imports
from pipeline.base.code_digests import write_code_digests
from tests.base.test_imports import STAGES, copy  # noqa: F401  # a fixture

NAMES = {Path(stage).stem for stage in STAGES} - {"code", "launching", "running"}


@pytest.fixture
def package(copy: Path, monkeypatch: pytest.MonkeyPatch) -> Path:  # noqa: F811
    monkeypatch.setattr(code_digests, "ROOT", copy)
    return copy


def digests(folder: Path, weights: dict[str, Path] | None = None) -> dict[str, str]:
    write_code_digests(folder, weights or {})
    return {file.stem: file.read_text() for file in folder.iterdir()}


def test_every_stage_but_code_has_one(tmp_path: Path) -> None:
    found = digests(tmp_path / "code")
    assert set(found) == NAMES
    for name, text in found.items():
        lines = dict(reversed(line.split(" ")) for line in text.splitlines())
        assert list(lines) == sorted(lines)
        own = f"stages/{name}.py"
        assert lines[own] == hashlib.sha256((imports.ROOT / own).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    ("changed", "stages"),
    [
        ("stages/evaluate.py", {"evaluate"}),
        ("scenes/paint.py", {"prepare"}),
        ("report/page.html", {"report"}),  # a template is code too
        ("report/page_cards.html", {"report"}),
        ("report/run_record.html", {"report"}),
        ("report/template.html", {"report"}),
        ("base/files.py", NAMES),
        ("commands/check.py", set()),
        ("params/load.py", set()),
    ],
)
def test_a_change_shows_in_the_stages_that_import_it(
    package: Path, tmp_path: Path, changed: str, stages: set[str]
) -> None:
    before = digests(tmp_path / "code")
    (package / changed).write_text((package / changed).read_text() + "\n# more\n")
    after = digests(tmp_path / "code")
    assert {name for name in NAMES if before[name] != after[name]} == stages


def test_what_did_not_change_is_not_written(package: Path, tmp_path: Path) -> None:
    digests(tmp_path / "code")
    times = {file: file.stat().st_mtime_ns for file in (tmp_path / "code").iterdir()}
    (package / "stages/evaluate.py").write_text("")
    digests(tmp_path / "code")
    again = {file for file, time in times.items() if file.stat().st_mtime_ns != time}
    assert {file.stem for file in again} == {"evaluate"}


def test_the_content_of_weights_shows_in_the_stage_that_reads_them(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(b"first")
    before = digests(tmp_path / "code", {"make_heatmaps": file})
    assert before["make_heatmaps"].endswith(f"{hashlib.sha256(b'first').hexdigest()} {file}\n")
    file.write_bytes(b"second")
    after = digests(tmp_path / "code", {"make_heatmaps": file})
    assert {name for name in NAMES if before[name] != after[name]} == {"make_heatmaps"}
