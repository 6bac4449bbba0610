"""The parallel map: order, equality over worker counts, messages."""

import os
import subprocess
import sys
import threading
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import cv2
import pytest
import torch

from pipeline.base import parallel
from pipeline.base.parallel import (
    FEW,
    WORKERS,
    in_blocks,
    parallel_map,
    parallel_stream,
    process_count,
    read_ahead,
)
from pipeline.errors import UserError
from tests.base.in_workers import (
    blurred_noise,
    current_folder,
    fail_at_three,
    killed_at_seven,
    process_after,
)


def threads_and_process(_: int) -> tuple[int, int, int]:
    return cv2.getNumThreads(), torch.get_num_threads(), os.getpid()


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("count", [40, FEW])
def test_results_come_in_the_order_of_the_items(
    monkeypatch: pytest.MonkeyPatch, workers: str, count: int
) -> None:
    monkeypatch.setenv(WORKERS, workers)
    assert parallel_map(str, range(count), description="test") == [str(i) for i in range(count)]
    assert parallel_map(str, [], description="test") == []


def test_one_and_two_workers_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS, "1")
    one = parallel_map(blurred_noise, range(FEW), description="test")
    monkeypatch.setenv(WORKERS, "2")
    two = parallel_map(blurred_noise, range(FEW), description="test")
    assert [a.tobytes() for a in one] == [b.tobytes() for b in two]


@pytest.mark.parametrize(("workers", "count"), [("1", 6), ("2", 6), ("2", FEW)])
def test_message_of_an_item_reaches_the_caller(
    monkeypatch: pytest.MonkeyPatch, workers: str, count: int
) -> None:
    monkeypatch.setenv(WORKERS, workers)
    with pytest.raises(ValueError, match=r"^item 3: expected anything but 3$"):
        parallel_map(fail_at_three, range(count), description="test")


@pytest.mark.parametrize("once", [True, False])
def test_a_process_that_the_system_ends(
    once: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As it does where the memory is full; with one item at a time there may be enough, else it is named."""
    monkeypatch.setenv(WORKERS, "2")
    monkeypatch.setattr(parallel, "FEW", 0)
    function, found = partial(killed_at_seven, tmp_path / "note" if once else None), list[int]()
    end = nullcontext() if once else pytest.raises(UserError, match=r"memory was full .* It worked on 7$")
    with end:
        found.extend(parallel_stream(function, range(12), description=None))
    assert found == list(range(12 if once else 7))
    assert "Going on with one at a time; CAMSEG_WORKERS sets how many" in capsys.readouterr().err


def test_each_item_is_computed_by_one_thread_and_ours_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cv2.getNumThreads(), torch.get_num_threads()
    monkeypatch.setenv(WORKERS, "1")
    here = parallel_map(threads_and_process, range(2), description="test")
    monkeypatch.setenv(WORKERS, "2")
    there = parallel_map(threads_and_process, range(FEW), description="test")
    assert {(a, b) for a, b, _ in here + there} == {(1, 1)}
    assert here[0][2] == os.getpid()
    assert os.getpid() not in {process for _, _, process in there}
    assert (cv2.getNumThreads(), torch.get_num_threads()) == before


@pytest.mark.parametrize(
    ("seconds", "count", "elsewhere"), [(0.0, FEW - 1, False), (0.0, FEW, True), (0.3, 6, True)]
)
def test_processes_start_for_many_or_slow_items(
    monkeypatch: pytest.MonkeyPatch, seconds: float, count: int, elsewhere: bool
) -> None:
    monkeypatch.setenv(WORKERS, "2")
    processes = parallel_map(partial(process_after, seconds), range(count), description="test")
    assert any(process != os.getpid() for process in processes) == elsewhere


def test_workers_are_where_the_caller_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS, "2")
    for folder in (Path.cwd(), tmp_path):
        monkeypatch.chdir(folder)
        assert parallel_map(current_folder, range(FEW), description="test") == [folder] * FEW


def test_stream_yields_results_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS, "1")
    stream = parallel_stream(fail_at_three, range(6), description="test")
    assert [next(stream), next(stream), next(stream)] == [0, 1, 2]
    with pytest.raises(ValueError, match="item 3"):
        next(stream)


@pytest.mark.parametrize("value", ["0", "-1", "two", "1.5"])
def test_impossible_workers_are_refused(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv(WORKERS, value)
    with pytest.raises(ValueError, match=f"CAMSEG_WORKERS.*got '{value}'"):
        parallel_map(str, [1], description="test")


def test_another_count_of_processes_is_read_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CAMSEG_LOADERS", "0")
    assert process_count("CAMSEG_LOADERS", default=4, least=0) == 0
    monkeypatch.setenv("CAMSEG_LOADERS", "")
    assert process_count("CAMSEG_LOADERS", default=4, least=0) == 4
    monkeypatch.setenv("CAMSEG_LOADERS", "two")
    with pytest.raises(
        ValueError, match=r"^CAMSEG_LOADERS: expected a whole number of at least 0, got 'two'$"
    ):
        process_count("CAMSEG_LOADERS", default=4, least=0)


def test_reading_ahead_keeps_the_order_and_reads_in_a_thread_no_more_than_asked_for() -> None:
    begun: list[int] = []
    threads: set[int] = set()

    def read(item: int) -> str:
        begun.append(item)
        threads.add(threading.get_ident())
        return str(item)

    result = []
    for text in read_ahead(read, range(20), ahead=3):
        result.append(text)
        assert len(begun) <= len(result) + 3
    assert result == [str(i) for i in range(20)]
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    assert list(read_ahead(read, [])) == []


def test_an_error_while_reading_ahead_comes_in_its_turn() -> None:
    results = read_ahead(fail_at_three, range(6))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="item 3"):
        next(results)


@pytest.mark.parametrize("count", [0, 1, 255, 256, 257, 1310, 65_535, 65_536, 200_000])
def test_blocks_hold_all_items_and_are_many_or_full(count: int) -> None:
    blocks = in_blocks(range(count))
    assert [item for block in blocks for item in block] == list(range(count))
    assert all(1 <= len(block) <= 256 for block in blocks)
    assert len(blocks) >= min(count, 256)
    assert count < 65_536 or len(blocks) == -(-count // 256)


def test_workers_are_prepared_as_their_caller_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WORKERS, "2")
    script = (
        "from pipeline.base.process import prepare_process\n"
        "from pipeline.base.parallel import parallel_map\n"
        "from tests.base.in_workers import prepared\n"
        "for _ in range(2):\n"
        "    print(set(parallel_map(prepared, range(256), description='test')))\n"
        "    prepare_process()\n"
    )
    done = subprocess.run((sys.executable, "-c", script), text=True, capture_output=True, check=False)
    assert done.stdout == "{False}\n{True}\n", done.stderr
