"""The copies of the project in which benches run."""

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from benchmarks.projects import stage_seconds, with_absolute_paths


def test_a_shared_stage_took_the_seconds_of_where_it_ran(tmp_path: Path) -> None:
    locks = {
        "shipped-0": {"prepare": {"md5": 1}, "evaluate@cam": {"md5": 2}},
        "other-0": {"prepare": {"md5": 1}, "evaluate@cam": {"md5": 3}},
    }
    took = {"shipped-0": {"prepare": 10, "evaluate@cam": 5}, "other-0": {"evaluate@cam": 7}}
    for name, stages in locks.items():
        (tmp_path / name / "reports" / "seconds").mkdir(parents=True)
        with (tmp_path / name / "dvc.lock").open("w") as file:
            YAML().dump({"stages": stages}, file)
        for stage, value in took[name].items():
            file_path = tmp_path / name / "reports" / "seconds" / f"{stage}.json"
            file_path.write_text(json.dumps({"seconds": value}))
    assert stage_seconds(tmp_path / "shipped-0") == {"prepare": 10, "evaluate@cam": 5}
    assert stage_seconds(tmp_path / "other-0") == {"prepare": 10, "evaluate@cam": 7}
    assert stage_seconds(tmp_path / "new-0") == {}, "nothing has run there"


def test_paths_of_options_count_from_where_the_bench_was_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("net.pth", "mine.yaml", "cat"):
        Path(name).touch()
    given = ["--weights", "net.pth", "--preset", "mine.yaml", "--classes", "cat"]
    expected = ["--weights", str(tmp_path / "net.pth"), "--preset", str(tmp_path / "mine.yaml")]
    assert with_absolute_paths(given) == [*expected, "--classes", "cat"]
    assert with_absolute_paths(["--weights", "pretrained"]) == ["--weights", "pretrained"]
    assert with_absolute_paths([]) == []
