"""One run of a stage at a time."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.base import lock
from pipeline.base.lock import stage_lock
from pipeline.errors import UserError

HOLDER = """
import os, sys, time
from pipeline.base.lock import stage_lock
with stage_lock(sys.argv[1]):
    child = os.fork() if len(sys.argv) > 2 else 1  # a loader, which holds what its parent held
    if child == 0:
        time.sleep(float(sys.argv[2]))
        os._exit(0)
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(Path(lock.__file__).parents[2]))


def hold(*arguments: str) -> "subprocess.Popen[str]":
    """A process that holds the lock of a stage until its input ends."""
    command = (sys.executable, "-c", HOLDER, *arguments)
    process = subprocess.Popen(command, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


@pytest.fixture
def holder() -> "Iterator[subprocess.Popen[str]]":
    process = hold("evaluate@cam")
    yield process
    process.kill()
    process.communicate()


def test_a_second_run_is_told_who_runs(
    holder: "subprocess.Popen[str]", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "WAIT", 0.1)
    message = (
        rf"^evaluate@cam is already running in {tmp_path}, process {holder.pid}\. Wait for it, or stop it$"
    )
    with pytest.raises(UserError, match=message), stage_lock("evaluate@cam"):
        pytest.fail("both ran")
    with stage_lock("evaluate@full"):
        pass  # another stage
    holder.communicate("")
    with stage_lock("evaluate@cam"):
        pass


def test_the_lock_of_a_killed_process_is_free(holder: "subprocess.Popen[str]") -> None:
    holder.kill()
    holder.wait()
    began = time.monotonic()
    with stage_lock("evaluate@cam"):
        assert time.monotonic() - began < 1


def test_loaders_that_outlive_a_killed_run_are_waited_for() -> None:
    process = hold("train", "1.5")
    process.kill()
    process.wait()
    with stage_lock("train"):
        pass
    process.communicate()


def test_nothing_is_left_behind_after_an_error_either() -> None:
    with pytest.raises(KeyError), stage_lock("train"):
        raise KeyError
    assert not list(Path(".work").iterdir())
    with stage_lock("train"):
        assert [path.name for path in sorted(Path(".work").iterdir())] == ["train.lock", "train.pid"]
