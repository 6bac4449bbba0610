"""Pseudo-masks in one pass: what is read how often, what blocks change, and what is left of a killed run."""

import gc
import shutil
import weakref
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import paths
from pipeline.base import parallel
from pipeline.base.files import read_csv, read_json, remove_path
from pipeline.data import mask_store
from pipeline.data.images import mask_png, write_image
from pipeline.data.manifest import Manifest, Sample
from pipeline.data.mask_store import load_mask, write_masks
from pipeline.errors import UserError
from pipeline.evaluation.confusion import mean_iou, pseudo_mask_counts
from pipeline.heatmaps.store import HeatmapStore, write_index, write_shard
from pipeline.masks.threshold import normalised_odds, upsample
from pipeline.params import load_params
from pipeline.workflows import pseudo_mask_blocks, pseudo_masks
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob, ThresholdedHeat
from pipeline.workflows.pseudo_masks import make_masks
from tests.forks import FORKS, in_group

SHIPPED = Path(__file__).parents[2] / "params.yaml"
HEIGHT, WIDTH = 20, 28
CORRECTED = "s3"
WORK = Path(".work/stage/x")


def sample(i: int) -> Sample:
    labels = ((0,), (1,), (), (0, 1))[i % 4]
    return Sample(f"s{i}", f"s{i}.png", "", HEIGHT, WIDTH, labels, "train", True, score=i != 5)


SAMPLES = [sample(i) for i in range(9)]


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine training images with heat, one of them corrected, one without a score."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    rng = np.random.default_rng(0)
    truth = {}
    for s in SAMPLES:
        write_image(Path(s.image), rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8))
        truth[s.name] = mask_png(rng.choice([0, 1, 2, 255], (HEIGHT, WIDTH)).astype(np.uint8))
    write_masks(paths.GROUND_TRUTH, truth)
    write_masks(paths.CORRECTED, {CORRECTED: mask_png(np.full((HEIGHT, WIDTH), 2, np.uint8))})
    for folder in ("heat", "judge"):
        heat = {s.name: rng.integers(0, 256, (len(s.labels), 5, 7), np.uint8) for s in SAMPLES if s.labels}
        write_shard(Path(folder), 0, heat)
        write_index(Path(folder), [list(heat)])


def job(*, second_opinion: bool = False) -> PseudoMaskJob:
    heat = ThresholdedHeat(Path("heat"), 0.5, normalised_odds)
    judge = ThresholdedHeat(Path("judge"), 0.4) if second_opinion else heat
    params = load_params(SHIPPED).pseudo_masks.model_copy(update={"refine": "none", "band": 0.05})
    return PseudoMaskJob(Manifest("", ("cat", "dog"), ()), heat, judge, WORK, params)


def outcome() -> dict[str, bytes]:
    """All that was published, by path."""
    folders = [paths.MASKS / "cam", paths.REPORTS]
    return {str(f): f.read_bytes() for folder in folders for f in sorted(folder.rglob("*")) if f.is_file()}


def made(**options: bool) -> dict[str, bytes]:
    for folder in (paths.MASKS / "cam", paths.REPORTS):
        shutil.rmtree(folder, ignore_errors=True)
    make_masks("stage", "cam", job(**options), SAMPLES)
    return outcome()


@pytest.mark.parametrize("second_opinion", [False, True])
def test_every_file_is_read_once_and_heat_is_enlarged_once(
    second_opinion: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: Counter[tuple[str, str]] = Counter()

    def counted(what: str, function: Any) -> Any:
        def call(*args: Any, **options: Any) -> Any:
            name = next((a.name for a in args if isinstance(a, Sample)), "")
            calls[what, name] += 1
            return function(*args, **options)

        return call

    monkeypatch.setattr(Manifest, "image", counted("image", Manifest.image))
    monkeypatch.setattr(HeatmapStore, "read", counted("heat", HeatmapStore.read))
    monkeypatch.setattr(pseudo_mask_blocks, "load_mask", counted("mask", load_mask))
    monkeypatch.setattr(pseudo_mask_blocks, "upsample", counted("upsample", pseudo_mask_blocks.upsample))
    made(second_opinion=second_opinion)
    pseudo = [s for s in SAMPLES if s.name != CORRECTED]
    stores = 2 if second_opinion else 1
    expected = Counter({("image", s.name): 1 for s in pseudo}) + Counter(
        {("heat", s.name): stores for s in pseudo}
    )
    expected += Counter({("mask", s.name): 1 for s in pseudo if s.score})  # the ground truth
    assert calls == expected + Counter({("upsample", ""): len(pseudo)})


def test_the_counts_of_one_block_at_a_time_are_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of many classes they take megabytes."""
    counts: list[weakref.ref[np.ndarray]] = []
    alive: list[int] = []

    def read(*arguments: Any) -> pseudo_mask_blocks.MadeBlock:
        gc.collect()
        alive.append(sum(of_block() is not None for of_block in counts))
        made = pseudo_mask_blocks.read_block(*arguments)
        counts.append(weakref.ref(made.counts.by_threshold))
        return made

    monkeypatch.setattr(pseudo_masks, "read_block", read)
    made()
    assert len(alive) == len(SAMPLES)  # each image is a block
    assert max(alive) <= 1


def test_scores_are_those_of_the_published_masks() -> None:
    made()
    counts = sum(
        pseudo_mask_counts(load_mask(paths.GROUND_TRUTH, s), load_mask(paths.MASKS / "cam", s), 3)
        for s in SAMPLES
        if s.score and s.name != CORRECTED
    )
    metrics = read_json(paths.REPORTS / "pseudo_masks/cam/metrics.json")
    coverage = counts[:, :-1].sum() / counts.sum()
    assert metrics["pseudo_masks"]["coverage"] == pytest.approx(coverage, abs=1e-6)
    assert mean_iou(counts[:, :-1]) > 0


@pytest.mark.parametrize("length", [1, 2, 4])
def test_blocks_and_workers_change_nothing(length: int, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = made(second_opinion=True)
    blocks = [SAMPLES[i : i + length] for i in range(0, len(SAMPLES), length)]
    monkeypatch.setattr(pseudo_masks, "in_blocks", lambda _: blocks)
    monkeypatch.setenv("CAMSEG_WORKERS", "2" if length == 2 else "1")
    monkeypatch.setattr(parallel, "FEW", 0)
    assert made(second_opinion=True) == alone


def test_shards_of_masks_hold_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    files = made()
    pngs = {s.name: mask_store.mask_png_of(paths.MASKS / "cam", s) for s in SAMPLES}
    monkeypatch.setattr(mask_store, "MOST_FILES", 4)
    monkeypatch.setattr(parallel, "BLOCK", 3)  # blocks of 9 // 3 images
    shards = made()
    folder = paths.MASKS / "cam"
    assert sorted(f.name for f in folder.iterdir()) == [
        *("corrected.txt", "index.npz", "shard-00000.tar", "shard-00001.tar", "shard-00002.tar")
    ]
    assert {s.name: mask_store.mask_png_of(folder, s) for s in SAMPLES} == pngs
    reports = str(paths.REPORTS)
    assert {f: c for f, c in shards.items() if f.startswith(reports)} == {
        f: c for f, c in files.items() if f.startswith(reports)
    }


@pytest.mark.parametrize("most_files", [4, 100])
@pytest.mark.parametrize("lost", ["counts", "mask", "all masks"])
def test_a_killed_run_goes_on_block_by_block(
    most_files: int, lost: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mask_store, "MOST_FILES", most_files)
    monkeypatch.setattr(parallel, "BLOCK", 3)
    whole = made()
    with monkeypatch.context() as patch:
        patch.setattr(pseudo_masks, "publish", lambda *_: None)
        made()  # up to the last step: all blocks are left
    masks = WORK / "masks"
    of_block = [*masks.glob("shard-00001.tar"), *masks.glob("s4.png")]
    victims = {"counts": [WORK / "blocks/00001.npz"], "mask": of_block, "all masks": [masks]}[lost]
    for victim in victims:
        remove_path(victim)
    done: list[int] = []
    make_block = pseudo_masks.make_block
    monkeypatch.setattr(
        pseudo_masks, "make_block", lambda *args: (done.append(args[-1].number), make_block(*args))
    )
    assert made() == whole
    assert done == ([0, 1, 2] if lost == "all masks" else [1])
    assert not WORK.parent.exists()


def test_parts_of_a_job_array_leave_the_rest_to_a_run_without_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "BLOCK", 3)
    whole = made()
    done: list[int] = []
    make_block = pseudo_masks.make_block
    monkeypatch.setattr(
        pseudo_masks, "make_block", lambda *args: (done.append(args[-1].number), make_block(*args))
    )
    for part in ("2/2", "1/2"):
        monkeypatch.setenv("CAMSEG_PART", part)
        assert made() == {}
    assert done == [1, 0, 2]
    monkeypatch.delenv("CAMSEG_PART")
    assert made() == whole
    assert done == [1, 0, 2]


@pytest.mark.filterwarnings(FORKS)
@pytest.mark.parametrize("broken", [None, "s4"])
def test_processes_share_the_blocks(broken: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parallel, "BLOCK", 3)
    whole = made()
    if broken:
        monkeypatch.setattr(pseudo_mask_blocks.MaskMaker, "make", fails_at(broken))
    first, other = in_group(2, made)
    assert other is None
    if broken is None:
        assert first == whole
    else:
        assert first == ("UserError", "block 1 (s3 to s5): s4.png: no image")
        assert sorted(f.name for f in (WORK / "blocks").iterdir()) == ["00000.npz", "00002.npz"]


def fails_at(name: str) -> Any:
    make = pseudo_mask_blocks.MaskMaker.make

    def make_or_fail(maker: Any, sample: Sample) -> Any:
        if sample.name == name:
            raise UserError(f"{name}.png: no image")
        return make(maker, sample)

    return make_or_fail


@pytest.mark.parametrize(
    ("cold", "classes"),
    [
        ({}, {}),
        ({"s0": [0]}, {"cat": 1}),
        ({"s7": [0]}, {"cat": 1}),  # of two labels the first
        ({"s7": [0, 1], "s1": [0], "s5": [0]}, {"cat": 1, "dog": 3}),  # s5 has no ground truth
        ({CORRECTED: [0, 1]}, {}),  # a person made its mask
    ],
)
@pytest.mark.parametrize("length", [2, 9])
def test_labels_that_no_pixel_has_are_counted_and_named(
    cold: dict[str, list[int]], classes: dict[str, int], length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    heat = {s.name: np.zeros((len(s.labels), 5, 7), np.uint8) for s in SAMPLES if s.labels}
    for s in SAMPLES:
        for j in range(len(s.labels)):
            if j not in cold.get(s.name, []):
                heat[s.name][j, :, 3 * j : 3 * j + 3] = 255
    write_shard(Path("heat"), 0, heat)
    blocks = [SAMPLES[i : i + length] for i in range(0, len(SAMPLES), length)]
    monkeypatch.setattr(pseudo_masks, "in_blocks", lambda _: blocks)
    made()
    folder = paths.REPORTS / "pseudo_masks/cam"
    assert read_json(folder / "metrics.json")["lost_labels"] == classes
    named = {row["name"]: row["lost_labels"] for row in read_csv(folder / "images.csv") if row["lost_labels"]}
    names = {s.name: [("cat", "dog")[s.labels[j]] for j in cold.get(s.name, [])] for s in SAMPLES}
    assert named == {name: ";".join(lost) for name, lost in names.items() if lost and name != CORRECTED}


def test_a_label_that_only_the_band_has_is_lost() -> None:
    mask = np.array([[0, 255, 255], [0, 2, 0]], np.uint8)
    assert pseudo_mask_blocks.lost_labels(mask, [0, 1, 2]) == [0, 2]
    assert pseudo_mask_blocks.lost_labels(mask, []) == []
    assert pseudo_mask_blocks.lost_labels(np.full((2, 3), 255, np.uint8), [253]) == [253]


def test_segments_of_another_tool_decide_masks() -> None:
    section = load_params(SHIPPED).pseudo_masks
    segments = section.segments.model_copy(update={"folder": "maps"})
    params = section.model_copy(update={"refine": "segments", "band": 0, "segments": segments})
    left = np.arange(WIDTH) < WIDTH // 3
    numbers = np.broadcast_to(np.where(left, 900, 7), (HEIGHT, WIDTH)).astype(np.int64)
    Path("maps").mkdir()
    for s in SAMPLES:
        if s.labels and s.name != CORRECTED:
            np.save(f"maps/{s.name}.npy", numbers)
    make_masks("stage", "cam", replace(job(), params=params), SAMPLES)
    for s in SAMPLES:
        if s.labels and s.name != CORRECTED:
            heat = upsample(HeatmapStore(Path("heat")).read(s), (HEIGHT, WIDTH))
            scores = normalised_odds(heat, 0.5)
            ids = np.array([0, *(label + 1 for label in s.labels)])
            by_half = [ids[scores[:, :, half].mean((1, 2)).argmax()] for half in (~left, left)]
            expected = np.broadcast_to(np.where(left, by_half[1], by_half[0]), (HEIGHT, WIDTH))
            np.testing.assert_array_equal(load_mask(paths.MASKS / "cam", s), expected)
