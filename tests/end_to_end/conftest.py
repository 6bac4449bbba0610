"""The run that several files look at."""

import os
from dataclasses import asdict, dataclass
from pathlib import Path

import pytest
from filelock import FileLock

from pipeline.base.files import read_json, write_json
from tests.end_to_end.project import commit, finish, make_project, start, without_git


@dataclass(frozen=True)
class Finished:
    """A project after `dvc repro`, and how that ended. Whoever starts a command there works on a copy."""

    path: Path
    returncode: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny project, copied once: all runs of a session see the same code."""
    return make_project(tmp_path_factory.mktemp("template") / "project")


@pytest.fixture(scope="session")
def finished(template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Finished]:
    """Two clean copies after `dvc repro`, run side by side: with git and one process, without git and two.

    Where several processes share the tests, the first that asks makes them, and the others wait for it.
    """
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "finished"
    with FileLock(f"{folder}.lock"):
        if not (folder / "runs.json").exists():
            runs = run_two_copies(folder, template)
            write_json(folder / "runs.json", [{**asdict(run), "path": str(run.path)} for run in runs])
    first, second = (
        Finished(**{**run, "path": Path(run["path"])}) for run in read_json(folder / "runs.json")
    )
    return first, second


def run_two_copies(folder: Path, template: Path) -> list[Finished]:
    """Make `finished`."""
    first, second = (make_project(folder / name, source=template) for name in ("first", "second"))
    commit(first)
    without_git(second)
    processes = [start(path, "dvc", "repro", workers=n) for n, path in enumerate((first, second), 1)]
    done = [finish(process) for process in processes]
    return [
        Finished(path, run.returncode, run.stdout, run.stderr)
        for path, run in zip((first, second), done, strict=True)
    ]
