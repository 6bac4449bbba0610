"""Processes that share blocks: each block once, the same bytes, errors by name, and one voice."""

import errno
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pipeline.base.files import read_json, write_json
from pipeline.data.images import write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.engine import mapping
from pipeline.engine.mapping import Batch, ImagePass, block_file, map_blocks
from pipeline.engine.processes import group
from pipeline.errors import UserError
from tests.forks import FORKS, in_group

pytestmark = pytest.mark.filterwarnings(FORKS)


def work_on(
    folder: Path,
    numbers: list[int],
    *,
    broken: tuple[int, ...] = (),
    unwritten: tuple[int, ...] = (),
    slow: bool = False,
) -> int:
    """Share out the blocks of `numbers`, written as files; returns the rank."""

    def work(own: list[int]) -> None:
        for number in own:
            time.sleep(0.1 if slow and group().rank == 0 else 0)
            if number in broken:
                raise UserError(f"{number}.png: no image")
            if number in unwritten:
                raise OSError(errno.ENOSPC, "No space left on device", f"{number}.json")
            assert not (folder / str(number)).exists(), "done twice"
            write_json(folder / str(number), group().rank)

    group().share_out(numbers, work, lambda n: (folder / str(n)).exists(), lambda n: f"block {n}")
    return group().rank


@pytest.mark.parametrize("slow", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_each_block_is_done_once_and_all_processes_wait_for_all(
    size: int, slow: bool, tmp_path: Path
) -> None:
    numbers = [0, 1, 2, 5, 7, 8, 9]

    def work() -> int:
        work_on(tmp_path, numbers, slow=slow)
        return len(list(tmp_path.iterdir()))

    assert in_group(size, work) == [len(numbers)] * size
    # Turn by turn: a late process has no more to do than the others.
    assert [read_json(tmp_path / str(n)) for n in numbers] == [i % size for i in range(len(numbers))]


def test_a_block_that_fails_is_named_and_the_others_are_done(tmp_path: Path) -> None:
    results = in_group(2, partial(work_on, tmp_path, list(range(8)), broken=(1, 3, 4)))
    told = "block 4: 4.png: no image\n  block 1: 1.png: no image\n  block 3: 3.png: no image"
    assert results == [("UserError", told), 1]
    assert sorted(int(file.name) for file in tmp_path.iterdir()) == [0, 2, 5, 6, 7]


def test_a_full_disk_ends_the_work_as_it_is(tmp_path: Path) -> None:
    results = in_group(2, partial(work_on, tmp_path, list(range(8)), unwritten=(2, 3)))
    told = [("OSError", f"[Errno 28] No space left on device: '{number}.json'") for number in (2, 3)]
    assert results == told
    assert sorted(int(file.name) for file in tmp_path.iterdir()) == [0, 1]


def test_alone_the_first_error_stops_the_work_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^1\.png: no image$"):
        work_on(tmp_path, list(range(4)), broken=(1,))
    assert [file.name for file in tmp_path.iterdir()] == ["0"]


def test_what_the_first_process_makes_is_told_to_all(tmp_path: Path) -> None:
    def work() -> tuple[float, list[int]]:
        ranks = group().by_first(lambda: [group().rank])
        return group().by_first(lambda: 0.1 + 0.2), ranks

    assert in_group(3, work) == [(0.1 + 0.2, [0])] * 3


def test_the_processes_that_are_not_needed_end(tmp_path: Path) -> None:
    def work() -> list[int]:
        group().keep(2)
        group().share_out([0, 1], lambda _: None, lambda _: True, str)
        group().keep(1)
        work_on(tmp_path, [4, 5])
        return [group().rank, group().size]

    assert in_group(3, work) == [[0, 1], None, None]
    assert [read_json(file) for file in tmp_path.iterdir()] == [0, 0]


def test_one_of_many_failures_is_told() -> None:
    def work() -> None:
        with group().one_failure():
            raise UserError("no params.yaml")

    told = in_group(4, work)
    assert sorted(told, key=str) == [("UserError", "no params.yaml"), None, None, None]


def test_who_waits_for_a_process_that_failed_is_told_so() -> None:
    def work() -> None:
        with group().one_failure():
            group().by_first(lambda: 1 // 0)

    first, other = in_group(2, work)
    assert first[0] == "ZeroDivisionError"
    assert other[0] == "PeerLost"


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    rng = np.random.default_rng(0)
    samples = []
    for i in range(11):
        write_image(tmp_path / f"{i}.png", rng.integers(0, 256, (32 + i % 2, 40, 3), np.uint8))
        samples.append(Sample(str(i), f"{i}.png", "", 32 + i % 2, 40, (0,), "train", False, False))
    return Manifest(str(tmp_path), ("a",), tuple(samples))


def mapped(manifest: Manifest, folder: Path, after: Callable[[], None] = lambda: None) -> None:
    def means(batch: Batch) -> list[float]:
        after()
        return [float(batch.views[0].mean()) + float(view.mean()) for view in batch.views[0]]

    def write(number: int, results: dict[str, float]) -> None:
        write_json(block_file(folder, number), results)

    work = ImagePass("test", manifest, [32], 2, means)
    map_blocks(manifest.samples, work, lambda n: block_file(folder, n).exists(), write)


@pytest.mark.parametrize("size", [2, 4])
def test_a_pass_over_images_has_the_same_bytes(
    size: int, manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "BLOCK", 3)
    mapped(manifest, tmp_path / "alone")
    in_group(size, partial(mapped, manifest, tmp_path / "together"))
    alone, together = (
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()}
        for name in ("alone", "together")
    )
    assert len(alone) == 4
    assert together == alone


def test_a_broken_image_costs_its_block_alone(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mapping, "BLOCK", 3)
    (tmp_path / "4.png").write_bytes(b"no image")
    first, other = in_group(2, partial(mapped, manifest, tmp_path / "out"))
    assert first[0] == "UserError"
    assert first[1].startswith(f"block 1 (3 to 5): {tmp_path}/4.png: cannot be read")
    assert other is None
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        f"block-{number:05d}.json" for number in (0, 2, 3)
    ]
