"""`dvc exp run` with other params, and what DVC says of the experiments afterwards."""

import csv
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest

from pipeline.base.files import read_json
from tests.end_to_end.conftest import Finished
from tests.end_to_end.project import commit, file_bytes, read_lock, run
from tests.end_to_end.test_repro import METHODS, SELF_TRAINING, STAGES, SUPERVISION, stages_run

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Experiment:
    """What a `dvc exp run` said, and what it left."""

    process: CompletedProcess[str]
    lock: Any
    summary: Any
    reports: dict[str, bytes]


@dataclass(frozen=True)
class Experiments:
    """A project after two experiments, one with another threshold, one with another boundary as well."""

    path: Path
    before: Any  # dvc.lock
    first: Experiment
    second: Experiment


def experiment(project: Path, name: str, change: str) -> Experiment:
    """Run one experiment."""
    done = run(project, "dvc", "exp", "run", "--name", name, "--set-param", change)
    assert done.returncode == 0, done.stderr
    reports = file_bytes(project, "reports")
    return Experiment(done, read_lock(project), read_json(project / "reports/summary.json"), reports)


@pytest.fixture(scope="module")
def experiments(finished: tuple[Finished, Finished], tmp_path_factory: pytest.TempPathFactory) -> Experiments:
    """A copy of the finished project, its lock in git, after two experiments."""
    folder = tmp_path_factory.mktemp("experiments")
    project = shutil.copytree(finished[0].path, folder / "project", symlinks=True)
    commit(project)
    before = read_lock(project)
    first = experiment(project, "first", "pseudo_masks.threshold=0.4")
    return Experiments(project, before, first, experiment(project, "second", "evaluation.boundary=0.1"))


def read_output(project: Path, *command: str) -> Any:
    """The JSON that a command of DVC prints."""
    done = run(project, "dvc", *command, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_threshold_leaves_the_classifier_alone(experiments: Experiments) -> None:
    weak = SUPERVISION - {"full"}
    expected = {"code", *SELF_TRAINING, *(f"make_pseudo_masks@{method}" for method in METHODS)}
    expected |= {f"{stage}@{name}" for stage in ("train_segmentation", "evaluate") for name in weak}
    first = experiments.first
    assert set(stages_run(first.process.stdout)) == expected | {"report"}
    for stage in STAGES - expected - {"report"}:
        assert first.lock["stages"][stage] == experiments.before["stages"][stage]
    for method in METHODS:
        metrics = json.loads(first.reports[f"reports/pseudo_masks/{method}/metrics.json"])
        assert metrics["threshold"] == 0.4


def test_the_table_of_experiments_has_real_figures(experiments: Experiments) -> None:
    shown = run(experiments.path, "dvc", "exp", "show", "--csv")
    assert shown.returncode == 0, shown.stderr
    rows = {row["Experiment"] or row["rev"]: row for row in csv.DictReader(shown.stdout.splitlines())}
    assert {"workspace", "first", "second"} < set(rows)
    for name, row in rows.items():
        assert "!" not in row.values(), f"{name}: DVC found no figures"
    for name, done in (("first", experiments.first), ("second", experiments.second)):
        for key in ("miou", "boundary_iou"):
            expected = done.summary["segmentation"]["cam"][key]
            assert float(rows[name][f"segmentation.cam.{key}"]) == expected
        assert float(rows[name]["weak_to_full"]) == done.summary["weak_to_full"]


def test_metrics_of_experiments_are_compared(experiments: Experiments) -> None:
    old, new = experiments.first.summary["segmentation"], experiments.second.summary["segmentation"]
    summary = read_output(experiments.path, "metrics", "diff", "first", "second")["reports/summary.json"]
    assert {key.rpartition(".")[2] for key in summary} == {"boundary_iou"}, "nothing else was changed"
    for name in {name for name in SUPERVISION if old[name] != new[name]}:
        pair = summary[f"segmentation.{name}.boundary_iou"]
        assert (pair["old"], pair["new"]) == (old[name]["boundary_iou"], new[name]["boundary_iou"])
    summary = read_output(experiments.path, "metrics", "diff", "HEAD", "first")
    for method in METHODS:
        pair = summary[f"reports/pseudo_masks/{method}/metrics.json"]["threshold"]
        assert pair["old"] != pair["new"] == 0.4


def test_plots_of_experiments_are_compared(experiments: Experiments) -> None:
    plots = read_output(experiments.path, "plots", "diff", "first", "second")
    assert "errors" not in plots
    revisions = {
        name: {revision for drawn in plot for revision in drawn["revisions"]}
        for name, plot in plots["data"].items()
    }
    for name in (
        *(f"reports/pseudo_masks/{method}/thresholds.csv" for method in METHODS),
        *(f"reports/segmentation/{supervision}/curve.csv" for supervision in SUPERVISION),
        *(f"reports/plots/confusion-{supervision}.png" for supervision in SUPERVISION),
        "loss",
    ):
        assert revisions[name] == {"first", "second"}
    assert any(name.startswith("reports/panels/") for name in revisions)


def test_a_summary_that_was_deleted_comes_back(experiments: Experiments) -> None:
    file, lock = experiments.path / "reports" / "summary.json", (experiments.path / "dvc.lock").read_bytes()
    file.unlink()
    done = run(experiments.path, "dvc", "repro")
    assert done.returncode == 0, done.stderr
    assert stages_run(done.stdout) == ["code"]
    assert file.read_bytes() == experiments.second.reports["reports/summary.json"]
    assert (experiments.path / "dvc.lock").read_bytes() == lock
