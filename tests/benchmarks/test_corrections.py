"""The bench of corrections: which images it picks, and what it hands the pipeline."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.corrections import at_random, correct, correctable, first
from pipeline.data.corrections.store import inspect_store
from pipeline.data.images import read_mask, write_mask
from pipeline.data.manifest import Manifest, Sample

CLASSES = ("cat", "dog")


@pytest.fixture
def base(tmp_path: Path) -> tuple[Path, Manifest]:
    """Eight training images with masks: that of the first shows more than its label, the last is unscored."""
    samples = []
    for i in range(8):
        samples.append(Sample(f"s/{i}", f"{i}.png", "", 4, 6, (i % 2,), "train", True, i < 7))
        write_mask(
            tmp_path / f"data/masks/full/s/{i}.png", np.full((4, 6), 2 if not i else i % 2 + 1, np.uint8)
        )
    samples.append(Sample("v", "v.png", "", 4, 6, (0,), "val", True, True))
    write_mask(tmp_path / "data/masks/full/v.png", np.ones((4, 6), np.uint8))
    return tmp_path, Manifest("images", CLASSES, tuple(samples))


def test_only_scored_masks_of_training_images_that_agree_with_their_labels(
    base: tuple[Path, Manifest],
) -> None:
    assert [sample.name for sample in correctable(*base)] == [f"s/{i}" for i in range(1, 7)]


def test_a_seed_decides_and_larger_numbers_hold_smaller_ones(base: tuple[Path, Manifest]) -> None:
    orders = [at_random(*base, seed) for seed in range(6)]
    assert orders[0] == at_random(*base, 0)
    assert len({tuple(order) for order in orders}) > 1
    assert all(sorted(order) == [f"s/{i}" for i in range(1, 7)] for order in orders)
    assert list(first(orders[0], 5))[:2] == list(first(orders[0], 2))
    for count in (0, 7):
        with pytest.raises(SystemExit, match=f"expected 1 to 6, .* got {count}"):
            first(orders[0], count)


def test_what_an_earlier_bench_left_is_no_correction(base: tuple[Path, Manifest], tmp_path: Path) -> None:
    root, manifest = base
    project = tmp_path / "project"
    correct(project, root, CLASSES, ["s/1", "s/2"])
    correct(project, root, CLASSES, ["s/3"])
    inspection = inspect_store(project / "data/corrections", manifest, 1)
    assert (list(inspection.masks), inspection.errors) == (["s/3"], ())
    assert (read_mask(project / "data/corrections/s/3.png") == 2).all()
