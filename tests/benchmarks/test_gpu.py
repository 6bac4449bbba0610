"""The bench of a GPU: its budget, its table, and what its checks say. No stage runs here."""

import sys
import time

import pytest

from benchmarks import gpu_checks
from benchmarks.gpu import Findings, Row, attempt, table
from benchmarks.gpu_checks import Budget, OutOfTime, StageFailed, has_advice, run_stage, same_bytes
from benchmarks.gpu_usage import Usage, usage_of
from pipeline.stages.running import ADVICE


@pytest.mark.parametrize(
    ("text", "usage"),
    [
        ("37, 1024\n63, 2048\n", Usage(0.5, 2048)),
        ("37, 1024\n[N/A], 4096\n", Usage(0.37, 1024)),
        ("37, 1024\n40", Usage(0.37, 1024)),  # cut off in a line
        ("No devices were found\n", None),
        ("", None),
    ],
)
def test_usage_is_the_mean_of_the_samples_and_the_most_memory(text: str, usage: Usage | None) -> None:
    assert usage_of(text) == usage


def test_the_table_has_shares_where_there_is_a_bare_loop() -> None:
    rows = [
        Row("prepare", 10, 2.0, 5.0, None, None),
        Row("train_classifier", 160, 4.0, 80.0, 100.0, Usage(0.931, 2048)),
    ]
    assert table(rows).splitlines()[2:] == [
        "| prepare | 10 | 2.0 | 5.0 |  |  | not measured | not measured |",
        "| train_classifier | 160 | 4.0 | 80.0 | 100.0 | 0.80 | 93% | 2048 |",
    ]


@pytest.mark.parametrize(
    ("error", "checks", "left_out"),
    [(OutOfTime(), {}, ["part"]), (StageFailed("ended with 1"), {"part": "FAILED: ended with 1"}, [])],
)
def test_a_part_that_fails_or_has_no_time_is_named(
    error: Exception, checks: dict[str, str], left_out: list[str]
) -> None:
    def part() -> None:
        raise error

    found = Findings([], {}, [])
    attempt("part", found, part)
    assert (found.checks, found.left_out) == (checks, left_out)


def test_no_part_begins_where_little_time_is_left() -> None:
    with pytest.raises(OutOfTime):
        Budget(time.monotonic() + 1).left()
    assert 90 < Budget(time.monotonic() + 100).left() <= 100


@pytest.mark.parametrize(
    ("status", "printed", "words"),
    [
        (1, f"failed: out of memory\n  {ADVICE}", "passed"),
        (1, f"Traceback ...\n  {ADVICE}", "FAILED: Traceback"),
        (1, "killed", "FAILED: killed"),
        (0, "", "FAILED: the training had room"),
    ],
)
def test_only_advice_without_a_traceback_passes(status: int, printed: str, words: str) -> None:
    assert has_advice(status, printed).startswith(words)


def test_other_bytes_fail() -> None:
    assert same_bytes("a" * 64, "a" * 64) == "passed"
    assert same_bytes("a" * 64, "b" * 64) == f"FAILED: {'a' * 12} and {'b' * 12}"


def test_a_stage_ends_with_its_time_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    started = []

    def start(stage: tuple[str, ...], stdout: int) -> object:
        code = "import time; print('begun', flush=True); time.sleep(60)" if stage == ("slow",) else "1 / 0"
        command = [sys.executable, "-c", code]
        options = {"stdout": stdout, "stderr": gpu_checks.subprocess.STDOUT, "start_new_session": True}
        started.append(gpu_checks.subprocess.Popen(command, **options))
        return started[-1]

    monkeypatch.setattr(gpu_checks, "start", start)
    monkeypatch.setattr(gpu_checks, "LEAST", 0.0)
    with pytest.raises(OutOfTime):
        run_stage(("slow",), Budget(time.monotonic() + 0.5))
    with pytest.raises(StageFailed, match=r"broken ended with 1: (.|\n)*ZeroDivisionError"):
        run_stage(("broken",), Budget(time.monotonic() + 60))
    assert all(process.poll() is not None for process in started)
