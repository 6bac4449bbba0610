"""What all stages share: one line or a traceback for errors, the lock, the seconds."""

import errno
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from pipeline.base import lock
from pipeline.base.files import read_json, write_text
from pipeline.errors import UserError
from pipeline.params import load_params
from pipeline.stages.running import is_out_of_memory, run_stage, stage


@pytest.fixture(autouse=True)
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_stage_writes_its_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter((100.0, 102.54))
    monkeypatch.setattr("pipeline.stages.running.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    with stage("make_pseudo_masks@cam"):
        pass
    assert read_json(Path("reports/seconds/make_pseudo_masks@cam.json")) == {"seconds": 2.5}
    assert "make_pseudo_masks@cam: done in 2.5 s" in capsys.readouterr().err


@pytest.mark.parametrize(("arguments", "name"), [([], "evaluate"), (["cam-round1"], "evaluate@cam-round1")])
def test_a_stage_is_named_by_its_argument(
    arguments: list[str], name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["evaluate.py", *arguments])
    calls: list[tuple[str, ...]] = []
    run_stage("evaluate", lambda *received: calls.append(received))
    assert calls == [tuple(arguments)]
    assert [file.name for file in Path("reports/seconds").iterdir()] == [f"{name}.json"]


@pytest.mark.parametrize("error", [UserError("no such thing"), FileNotFoundError("no such thing")])
def test_expected_errors_end_the_process_with_1(error: Exception, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, stage("test"):
        raise error
    assert ended.value.code == 1
    output = capsys.readouterr().err
    assert "test: failed: no such thing\n" in output
    assert f"raised in {__file__}:" in output
    assert not Path("reports").exists()


def test_ctrl_c_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, stage("test"):
        raise KeyboardInterrupt
    assert ended.value.code == 130
    assert "test: interrupted. The next run goes on with what it has\n" in capsys.readouterr().err
    assert not Path("reports").exists()


@pytest.mark.parametrize(
    "message",
    [
        "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`",
        "CUDNN_STATUS_ALLOC_FAILED",
    ],
)
def test_a_full_memory_is_told_by_the_words_of_libraries(message: str) -> None:
    assert is_out_of_memory(RuntimeError(message))


def test_a_full_memory_of_the_machine_is_told() -> None:
    with pytest.raises(RuntimeError) as full:
        torch.empty(2**60, dtype=torch.uint8)
    assert is_out_of_memory(full.value)


def test_a_full_memory_of_the_device_ends_with_advice(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, stage("test"):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")
    assert ended.value.code == 1
    output = capsys.readouterr().err
    assert "test: failed: CUDA out of memory. Tried to allocate 2.00 GiB.\n  Lower batch_size" in output
    with pytest.raises(RuntimeError, match="size mismatch"), stage("test"):
        raise RuntimeError("size mismatch")


def test_bugs_keep_their_traceback() -> None:
    with pytest.raises(ZeroDivisionError), stage("test"):
        sys.exit(1 // 0)


def test_an_error_of_numpy_keeps_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="could not be broadcast"), stage("test"):
        np.zeros(2) + np.zeros(3)
    assert "failed" not in capsys.readouterr().err


def test_impossible_params_are_told_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    Path("params.yaml").write_text("seed: none\n")
    with pytest.raises(SystemExit) as ended, stage("test"):
        load_params()
    assert ended.value.code == 1
    assert "test: failed: params.yaml" in capsys.readouterr().err


def test_a_full_disk_is_told_with_the_file_and_that_the_stage_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fsync(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", fsync)
    with pytest.raises(SystemExit), stage("test"):
        write_text(Path("masks/a.png"), "x" * 2000)
    output = capsys.readouterr().err
    assert "No space left on device, in writing 0.002 MB: 'masks/a.png'\n" in output
    assert "Make room and run the same command again: the stage goes on with what it has" in output


def test_a_disk_that_is_full_at_the_very_end_is_told_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write(_: Path, _value: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("pipeline.stages.running.write_json", write)
    with pytest.raises(SystemExit), stage("test"):
        pass
    output = capsys.readouterr().err
    assert "Make room" in output
    assert "done in" not in output


def test_a_second_run_of_a_stage_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lock, "WAIT", 0.1)
    with stage("test"):
        with pytest.raises(SystemExit) as ended, stage("test"):
            pytest.fail("both ran")
        with stage("other"):
            pass
    assert ended.value.code == 1
    assert "test: failed: test is already running in" in capsys.readouterr().err
