"""Images through a network, block by block: results, batches, reading ahead, resuming, errors."""

import threading
from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.files import read_json, write_json
from pipeline.data.images import write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.resize import image_tensor
from pipeline.engine import mapping
from pipeline.engine.mapping import (
    Batch,
    ImagePass,
    block_file,
    fitting_batch_size,
    map_blocks,
    map_images,
    one_size_batches,
    read_block_files,
)

SIZES = ((24, 40), (40, 24), (30, 40))
SIDES = (32, 48)
BLOCK, BATCH = 5, 2


@pytest.fixture(autouse=True)
def short_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mapping, "BLOCK", BLOCK)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    """Images of three sizes in turn, in four blocks of which the last is not full."""
    rng, samples = np.random.default_rng(0), []
    for number in range(18):
        height, width = SIZES[number * number % 3]
        write_image(tmp_path / f"{number}.png", rng.integers(0, 256, (height, width, 3), np.uint8))
        samples.append(sample(f"{number:02d}", f"{number}.png", height, width))
    return Manifest(str(tmp_path), ("a",), tuple(samples))


def sample(name: str, image: str, height: int, width: int) -> Sample:
    return Sample(name, image, "", height, width, (), "val", False, False)


class Folder:
    """What a stage does with a pass: a file for each block."""

    def __init__(self, path: Path, manifest: Manifest, weight: float = 0.0) -> None:
        self.path = path
        self.manifest = manifest
        self.batches: list[list[str]] = []  # names, in the order in which they were computed
        self.written: list[int] = []
        self.weight = weight

    def means(self, batch: Batch) -> list[list[float]]:
        """As a network that sees the whole batch: what an image gets also depends on the others."""
        self.batches.append([s.name for s in batch.samples])
        of_batch = sum(float(views.mean()) for views in batch.views)
        return [
            [float(views[n].mean()) + self.weight * of_batch for views in batch.views]
            for n in range(len(batch.samples))
        ]

    def write(self, number: int, results: dict[str, list[float]]) -> None:
        self.written.append(number)
        write_json(block_file(self.path, number), results)

    def run(self) -> dict[str, bytes]:
        work = ImagePass("test", self.manifest, SIDES, BATCH, self.means)
        map_blocks(self.manifest.samples, work, lambda n: block_file(self.path, n).exists(), self.write)
        return {file.name: file.read_bytes() for file in sorted(self.path.iterdir())}


def by_loop(manifest: Manifest) -> np.ndarray:
    """One image after the other: (N, 2)."""
    images = [manifest.image(s) for s in manifest.samples]
    return np.array([[float(image_tensor(image, side).mean()) for side in SIDES] for image in images])


def test_results_are_those_of_a_plain_loop_in_the_order_of_the_samples(
    manifest: Manifest, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "out", manifest)
    work = ImagePass("test", manifest, SIDES, BATCH, folder.means)
    assert np.array(map_images(manifest.samples, work)) == pytest.approx(by_loop(manifest), abs=1e-6)
    backwards = map_images(manifest.samples[::-1], work)
    assert np.array(backwards) == pytest.approx(by_loop(manifest)[::-1], abs=1e-6)
    assert map_images([], work) == []
    assert sorted(folder.run()) == [f"block-{number:05d}.json" for number in range(4)]
    found = read_block_files(folder.path, manifest.samples)
    assert np.array(list(found)) == pytest.approx(by_loop(manifest), abs=1e-6)


def test_results_are_read_block_by_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of many classes and images do not fit into the memory together."""
    samples = [sample(str(n), "", 1, 1) for n in range(2 * BLOCK)]
    for number in range(2):
        names = [s.name for s in samples[number * BLOCK :][:BLOCK]]
        write_json(block_file(tmp_path, number), {name: [int(name)] for name in names})
    found, read = read_block_files(tmp_path, samples), list[Path]()
    monkeypatch.setattr(mapping, "read_json", lambda file: read.append(file) or read_json(file))
    for n in range(2 * BLOCK):
        assert next(found) == [n]
        assert read == [block_file(tmp_path, number) for number in range(n // BLOCK + 1)]


def test_a_batch_holds_images_of_one_size_and_of_one_block_ready_for_the_network(manifest: Manifest) -> None:
    seen: list[Batch] = []

    def remember(batch: Batch) -> list[int]:
        seen.append(batch)
        return [0] * len(batch.samples)

    map_images(manifest.samples, ImagePass("test", manifest, SIDES, BATCH, remember, keep_images=True))
    position = {s.name: number for number, s in enumerate(manifest.samples)}
    for batch in seen:
        height, width = batch.samples[0].height, batch.samples[0].width
        assert [image.shape for image in batch.images] == [(height, width, 3)] * len(batch.samples)
        assert len({position[s.name] // BLOCK for s in batch.samples}) == 1
        for views, side in zip(batch.views, SIDES, strict=True):
            assert views.is_contiguous(memory_format=torch.channels_last)
            expected = torch.stack([image_tensor(image, side) for image in batch.images])
            assert torch.equal(views, expected)
    map_images(manifest.samples, ImagePass("test", manifest, SIDES, BATCH, remember))
    assert seen[-1].images == []


@given(st.lists(st.sampled_from(SIZES), max_size=12), st.integers(1, 4))
def test_batches_are_as_few_as_the_sizes_allow_and_follow_the_order(
    sizes: list[tuple[int, int]], batch_size: int
) -> None:
    block = [sample(str(number), "", *size) for number, size in enumerate(sizes)]
    batches = one_size_batches(block, batch_size)
    positions = [[int(s.name) for s in batch] for batch in batches]
    assert sorted(chain.from_iterable(positions)) == list(range(len(block)))
    assert [batch[0] for batch in positions] == sorted(batch[0] for batch in positions)
    assert all(batch == sorted(batch) for batch in positions)
    assert all(len({(s.height, s.width) for s in batch}) == 1 for batch in batches)
    assert len(batches) == sum(-(-sizes.count(size) // batch_size) for size in SIZES)


def test_any_blocks_may_be_done_before(manifest: Manifest, tmp_path: Path) -> None:
    whole = Folder(tmp_path / "whole", manifest, weight=0.5)
    expected = whole.run()
    for done in ([0], [2], [1, 3], [0, 1, 2, 3]):
        part = Folder(tmp_path / f"part-{done}", manifest, weight=0.5)
        part.path.mkdir()
        for number in done:
            block_file(part.path, number).write_bytes(block_file(whole.path, number).read_bytes())
        assert part.run() == expected
        assert part.written == [number for number in range(4) if number not in done]
        assert all(batch in whole.batches for batch in part.batches)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(mapping, "BLOCK", 4)  # the test sees it when batches are others
        assert Folder(tmp_path / "others", manifest, weight=0.5).run() != expected


@pytest.mark.parametrize("at", [1, 3, 6])
def test_an_interrupted_pass_goes_on_with_the_same_bytes(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    expected = Folder(tmp_path / "whole", manifest, weight=0.5).run()
    folder = Folder(tmp_path / "again", manifest, weight=0.5)
    means = folder.means

    def stop(batch: Batch) -> list[list[float]]:
        if len(folder.batches) == at:
            raise KeyboardInterrupt
        return means(batch)

    monkeypatch.setattr(folder, "means", stop)
    with pytest.raises(KeyboardInterrupt):
        folder.run()
    kept = list(folder.written)
    monkeypatch.setattr(folder, "means", means)
    assert folder.run() == expected
    assert sorted(folder.written) == list(range(4))
    assert folder.written[: len(kept)] == kept


def test_the_number_of_reading_threads_changes_nothing(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = Folder(tmp_path / "one", manifest, weight=0.5).run()
    for threads in (2, 7):
        monkeypatch.setattr(mapping, "reader_count", lambda _, threads=threads: threads)
        assert Folder(tmp_path / str(threads), manifest, weight=0.5).run() == expected


def test_images_are_read_ahead_in_threads_but_not_far(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names: list[str] = []
    threads: set[int] = set()
    read = Manifest.image

    def image(of: Manifest, shown: Sample) -> np.ndarray:
        names.append(shown.name)
        threads.add(threading.get_ident())
        return read(of, shown)

    monkeypatch.setattr(Manifest, "image", image)
    ahead: list[int] = []

    def count(batch: Batch) -> list[int]:
        ahead.append(len(names))
        return [0] * len(batch.samples)

    map_images(manifest.samples, ImagePass("test", manifest, SIDES, BATCH, count))
    assert sorted(names) == [s.name for s in manifest.samples]
    assert threading.get_ident() not in threads
    assert all(begun <= BATCH * (number + 3) for number, begun in enumerate(ahead)), "two batches ahead"
    assert ahead[-1] == len(manifest.samples)


def test_writing_goes_on_while_the_network_computes(manifest: Manifest, tmp_path: Path) -> None:
    folder = Folder(tmp_path / "out", manifest)
    computing_next = threading.Event()
    means, write = folder.means, folder.write

    def compute(batch: Batch) -> list[list[float]]:
        if batch.samples[0].name == manifest.samples[BLOCK].name:
            computing_next.set()
        return means(batch)

    def slow_write(number: int, results: dict[str, list[float]]) -> None:
        assert computing_next.wait(10), "the network waits for the writing"
        write(number, results)

    folder.means, folder.write = compute, slow_write  # type: ignore[method-assign]
    folder.run()
    assert folder.written == [0, 1, 2, 3]


def test_what_cannot_be_written_stops_the_pass_and_leaves_no_later_block(
    manifest: Manifest, tmp_path: Path
) -> None:
    folder = Folder(tmp_path / "out", manifest)
    write = folder.write

    def full(number: int, results: dict[str, list[float]]) -> None:
        if number == 1:
            raise OSError(28, "No space left on device", str(block_file(folder.path, 1)))
        write(number, results)

    folder.write = full  # type: ignore[method-assign]
    with pytest.raises(OSError, match=r"No space left on device.*block-00001.json"):
        folder.run()
    assert folder.written[:1] == [0]
    assert 3 not in folder.written
    folder.write = write  # type: ignore[method-assign]
    assert folder.run() == Folder(tmp_path / "whole", manifest).run()


@pytest.mark.parametrize("broken", [0, 7, 17])
def test_an_image_that_cannot_be_read_is_named(manifest: Manifest, tmp_path: Path, broken: int) -> None:
    (tmp_path / f"{broken}.png").write_bytes(b"no image")
    folder = Folder(tmp_path / "out", manifest)
    with pytest.raises(ValueError, match=rf"/{broken}.png: cannot be read as an image"):
        folder.run()
    assert folder.written == list(range(broken // BLOCK))


def test_an_image_of_another_size_than_in_the_manifest_is_named(manifest: Manifest, tmp_path: Path) -> None:
    write_image(tmp_path / "4.png", np.zeros((40, 20, 3), np.uint8))
    with pytest.raises(ValueError, match=r"/4.png: expected 40 x 24 pixels.*got 40 x 20. Run `camseg run`"):
        Folder(tmp_path / "out", manifest).run()


def test_a_result_for_each_image_is_asked_for(manifest: Manifest) -> None:
    def too_few(batch: Batch) -> Sequence[int]:
        return [0] * (len(batch.samples) - 1)

    with pytest.raises(ValueError, match="zip"):
        map_images(manifest.samples, ImagePass("test", manifest, SIDES, BATCH, too_few))


@pytest.mark.parametrize(("sides", "expected"), [((128,), 16), ((480,), 4), ((480, 720), 2), ((4000,), 1)])
def test_batches_of_large_images_are_small(
    monkeypatch: pytest.MonkeyPatch, sides: tuple[int, ...], expected: int
) -> None:
    monkeypatch.setenv("CAMSEG_DEVICE", "cpu")
    assert fitting_batch_size(sides) == expected
