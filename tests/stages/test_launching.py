"""How the processes of a stage are started, and what is said where one ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from subprocess import PIPE
from typing import Any

import pytest
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from pipeline.base.process import prepare_process
from pipeline.errors import UserError
from pipeline.stages.launching import launch
from pipeline.stages.running import run_stage

SPY = (
    "import json, os, sys; "
    "json.dump([sys.argv[1:], os.environ['CAMSEG_LAUNCHED']], open('spied', 'w')); exit(7)"
)
KILLED = "evaluate: failed: process 2 was ended by SIGKILL. Run the same command again"


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())  # `launch` sets some for what it starts
    for name in ("WORLD_SIZE", "CAMSEG_PROCESSES", "CAMSEG_LAUNCH", "CAMSEG_LAUNCHED", "CAMSEG_PART"):
        os.environ.pop(name, None)
    os.environ["CAMSEG_DEVICE"] = "cpu"


@pytest.fixture
def torchrun(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The command lines of torchrun; what follows in the list is raised."""
    calls: list[Any] = []

    def main(arguments: list[str]) -> None:
        raised, calls[:] = calls[:], [*arguments]
        for error in raised:
            raise error

    monkeypatch.setattr("torch.distributed.run.main", main)
    monkeypatch.setattr("logging.disable", lambda _: None)
    return calls


def test_one_process_starts_no_other(torchrun: list[Any]) -> None:
    assert launch("evaluate", ["cam"]) is None
    os.environ |= {"CAMSEG_PROCESSES": "4", "CAMSEG_LAUNCH": "false", "WORLD_SIZE": "2"}
    assert launch("evaluate", ["cam"]) is None  # a launcher has started it
    assert torchrun == []


def test_torchrun_starts_as_many_as_are_asked_for(torchrun: list[Any]) -> None:
    os.environ["CAMSEG_PROCESSES"] = "4"
    os.environ.pop("OMP_NUM_THREADS", None)
    assert launch("evaluate", ["cam"]) == 0
    assert torchrun == ["--standalone", "--nproc-per-node=4", "--module", "pipeline.stages.evaluate", "cam"]
    assert int(os.environ["OMP_NUM_THREADS"]) >= 1


def test_who_has_lost_its_launcher_ends(torchrun: list[Any]) -> None:
    """As where the launcher is killed while the processes that it has started still load torch."""
    script = "from pipeline.base.process import end_with_parent; end_with_parent(); print('goes on')"
    command = [sys.executable, "-c", script]
    os.environ["CAMSEG_PROCESSES"] = "2"
    launch("evaluate", [])

    def of(launcher: int) -> tuple[int, bytes]:
        done = subprocess.run(command, env=os.environ | {"CAMSEG_LAUNCHER": str(launcher)}, stdout=PIPE)
        return done.returncode, done.stdout

    assert os.environ["CAMSEG_LAUNCHER"] == str(os.getpid())
    assert of(os.getpid()) == (0, b"goes on\n")
    assert of(os.getppid()) == (1, b"")


@pytest.mark.parametrize(
    ("exitcode", "status", "told"),
    [
        (1, 1, ""),
        (130, 130, ""),
        (-signal.SIGKILL, 1, "evaluate: failed: process 2 was ended by SIGKILL. Run the"),
    ],
)
def test_a_signal_is_told_and_what_a_process_said_itself_is_not(
    exitcode: int, status: int, told: str, torchrun: list[Any], capfd: pytest.CaptureFixture[str]
) -> None:
    os.environ["CAMSEG_PROCESSES"] = "3"
    torchrun.append(ChildFailedError("x", {2: ProcessFailure(2, 1, exitcode, "<N/A>")}))
    assert launch("evaluate", []) == status
    lines = capfd.readouterr().err.splitlines()
    assert [line[: len(told)] for line in lines] == ([told] if told else [])


def test_threads_are_set_before_openmp_is_loaded() -> None:
    os.environ |= {"CAMSEG_THREADS": "3", "OMP_NUM_THREADS": "1"}
    prepare_process.__wrapped__()
    assert os.environ["OMP_NUM_THREADS"] == "3"


def test_ctrl_c_of_the_launcher(torchrun: list[Any]) -> None:
    os.environ["CAMSEG_PROCESSES"] = "3"
    torchrun.append(SignalException("stop", signal.SIGINT))
    assert launch("evaluate", []) == 130


def test_a_command_of_the_user_starts_them(tmp_path: Path) -> None:
    os.environ["CAMSEG_LAUNCH"] = f'{sys.executable} -c "{SPY}" --nodes 2'
    assert launch("evaluate", ["cam"]) == 7
    rest = f'"{sys.executable}", "-m", "pipeline.stages.evaluate", "cam"'
    assert (tmp_path / "spied").read_text() == f'[["--nodes", "2", {rest}], "1"]'


def test_a_command_that_tells_nobody_of_the_others_is_refused() -> None:
    os.environ |= {"CAMSEG_LAUNCH": "srun", "CAMSEG_LAUNCHED": "1"}
    with pytest.raises(UserError, match="CAMSEG_LAUNCH: expected a command that sets WORLD_SIZE"):
        launch("evaluate", [])


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (
            "CAMSEG_PART",
            "1/3",
            "CAMSEG_PART: expected for stages that can be done in parts",
        ),
        ("CAMSEG_THREADS", "two", "CAMSEG_THREADS: expected a whole number"),
        (
            "CAMSEG_PROCESSES",
            "0",
            "CAMSEG_PROCESSES: expected a whole number of at least 1",
        ),
    ],
)
def test_what_means_nothing_is_refused(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["evaluate.py"])
    os.environ[name] = value
    with pytest.raises(SystemExit) as ended:
        run_stage("evaluate", lambda: pytest.fail("it ran"), shared=True)
    assert ended.value.code == 1
    assert f"evaluate: failed: {told}" in capsys.readouterr().err


def test_a_part_has_its_own_lock_and_no_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["make_pseudo_masks.py", "cam"])
    os.environ["CAMSEG_PART"] = "3/64"
    seen: list[str] = []

    def main(_: str) -> None:
        seen.extend(file.name for file in (tmp_path / ".work").glob("*.lock"))

    run_stage("make_pseudo_masks", main, in_parts=True)
    assert seen == ["make_pseudo_masks@cam part 3 of 64.lock"]
    assert not (tmp_path / "reports").exists()
    assert "make_pseudo_masks@cam part 3/64: done in" in capsys.readouterr().err
