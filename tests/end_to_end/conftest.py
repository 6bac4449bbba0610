"""The run that several files look at."""

from dataclasses import dataclass
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.end_to_end.project import commit, finish, make_project, start, without_git


@dataclass(frozen=True)
class Finished:
    """A project after `dvc repro`. Tests that change it work on a copy."""

    path: Path
    process: CompletedProcess[str]


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny project, copied once: all runs of a session see the same code."""
    return make_project(tmp_path_factory.mktemp("template") / "project")


@pytest.fixture(scope="session")
def finished(template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Finished]:
    """Two clean copies after `dvc repro`, run side by side: with git and one process, without git and two."""
    folder = tmp_path_factory.mktemp("finished")
    first, second = (make_project(folder / name, source=template) for name in ("first", "second"))
    commit(first)
    without_git(second)
    processes = [start(path, "dvc", "repro", workers=n) for n, path in enumerate((first, second), 1)]
    done = [finish(process) for process in processes]
    return Finished(first, done[0]), Finished(second, done[1])
