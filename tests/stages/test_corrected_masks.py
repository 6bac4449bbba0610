"""Corrected masks in all stages: models train on them, and no score counts them."""

import csv
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from pipeline import paths
from pipeline.base.files import read_json, write_json
from pipeline.data.corrections.store import store_corrections
from pipeline.data.images import IGNORE, mask_png, read_mask
from pipeline.data.manifest import Manifest, Sample, read_manifest
from pipeline.data.mask_store import has_mask, load_mask
from pipeline.data.problem_lists import DataError
from pipeline.evaluation.confusion import confusion_matrix, mean_iou
from pipeline.heatmaps.store import HeatmapStore, write_index, write_shard
from pipeline.masks.threshold import mask_at_threshold, normalised_odds, upsample
from pipeline.params import load_params
from pipeline.stages import evaluate, make_pseudo_masks, prepare, self_train, train_classifier
from pipeline.workflows import network_work_folder as network_work
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob, ThresholdedHeat
from pipeline.workflows.pseudo_masks import make_masks

SHIPPED = Path(__file__).parent.parent.parent / "params.yaml"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A project of few scenes as the current folder, before `prepare`."""
    text = re.sub(r"train: 800", "train: 5", SHIPPED.read_text())
    text = re.sub(r"val: 200", "val: 2", text).replace("refine: crf ", "refine: none ")
    (tmp_path / "params.yaml").write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CAMSEG_WORKERS", "1")


def change(old: str, new: str) -> None:
    text = Path("params.yaml").read_text()
    assert old in text
    Path("params.yaml").write_text(text.replace(old, new, 1))


def correct(*names: str) -> Manifest:
    """`prepare`, then corrected masks for `names`: ground truth with an open row; then `prepare` again."""
    prepare.main()
    manifest = read_manifest(paths.PREPARED)
    masks = {}
    for sample in manifest.samples:
        if sample.name in names:
            mask = load_mask(paths.GROUND_TRUTH, sample).copy()
            mask[0] = IGNORE
            masks[sample.name] = mask_png(mask)
    store_corrections(paths.CORRECTIONS, masks, manifest.classes)
    prepare.main()
    return read_manifest(paths.PREPARED)


def write_heat(manifest: Manifest) -> None:
    """Heatmaps of `cam`: noisy ground truth, so that thresholds differ."""
    rng = np.random.default_rng(0)
    heat = {}
    for sample in manifest.split("train"):
        small = load_mask(paths.GROUND_TRUTH, sample)[::4, ::4]
        maps = [(small == c + 1) * 0.6 + rng.random(small.shape) * 0.5 for c in sample.labels]
        if maps:
            heat[sample.name] = (255 * np.clip(np.stack(maps), 0, 1)).astype(np.uint8)
    write_shard(paths.HEATMAPS / "cam", 0, heat)
    write_index(paths.HEATMAPS / "cam", [list(heat)])


def files(folder: Path) -> dict[str, bytes]:
    return {str(f.relative_to(folder)): f.read_bytes() for f in sorted(folder.rglob("*.png"))}


def test_prepare_writes_them_apart_and_leaves_the_manifest_alone() -> None:
    prepare.main()
    before, true = (paths.PREPARED / "manifest.json").read_bytes(), files(paths.GROUND_TRUTH)
    assert files(paths.CORRECTED) == {}
    correct("train-00002", "train-00004")
    assert list(files(paths.CORRECTED)) == ["train-00002.png", "train-00004.png"]
    assert (read_mask(paths.CORRECTED / "train-00002.png")[0] == IGNORE).all()
    # What the classifier depends on is as before.
    assert (paths.PREPARED / "manifest.json").read_bytes() == before
    assert files(paths.GROUND_TRUTH) == true
    assert [path.name for path in paths.ATTENTION.iterdir()] == ["README.txt"]  # DVC warns of an empty folder


def test_the_classifier_sees_them_with_a_weight_only() -> None:
    change("supervision_weight: 0.0", "supervision_weight: 10")
    correct("train-00002")
    assert files(paths.ATTENTION) == files(paths.CORRECTED) != {}
    shutil.rmtree(paths.CORRECTIONS)
    prepare.main()
    assert files(paths.ATTENTION) == files(paths.CORRECTED) == {}


def test_ids_follow_the_classes_of_the_data_set() -> None:
    manifest = correct("train-00001")
    sample = manifest.samples[0]
    expected = load_mask(paths.CORRECTED, sample)
    names = list(manifest.classes)
    other = [*reversed(names), "of an older data set"]
    table = np.arange(256, dtype=np.uint8)
    table[1 : len(names) + 1] = [other.index(name) + 1 for name in names]
    store_corrections(paths.CORRECTIONS, {sample.name: mask_png(table[expected])}, other)
    prepare.main()
    np.testing.assert_array_equal(load_mask(paths.CORRECTED, sample), expected)


def test_prepare_refuses_what_does_not_fit_any_more() -> None:
    manifest = correct("train-00001")
    size = manifest.samples[0].height, manifest.samples[0].width
    blank = mask_png(np.zeros(size, np.uint8))
    masks = {"val-00001": blank, "gone": blank, "train-00003": mask_png(np.zeros((3, 4), np.uint8))}
    store_corrections(paths.CORRECTIONS, masks, manifest.classes)
    with pytest.raises(DataError) as refused:
        prepare.main()
    message = str(refused.value)
    for part in (
        "data/corrections: 3 error(s):",
        "data/corrections/gone.png: expected a training image for 'gone', got none of that name",
        "data/corrections/val-00001.png: expected a training image for 'val-00001', got one of val",
        "data/corrections/train-00003.png: expected the",
        "Take masks out by `camseg corrections remove NAME`.",
    ):
        assert part in message
    assert not (paths.PREPARED / "manifest.json").exists()


def test_they_replace_pseudo_masks_and_score_nothing() -> None:
    manifest = correct()
    write_heat(manifest)
    make_pseudo_masks.main("cam")
    before = files(paths.MASKS / "cam")
    old = read_json(paths.REPORTS / "pseudo_masks/cam/metrics.json")
    manifest = correct("train-00002", "train-00004")
    make_pseudo_masks.main("cam")
    after, new = files(paths.MASKS / "cam"), read_json(paths.REPORTS / "pseudo_masks/cam/metrics.json")
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"train-00002.png", "train-00004.png"}
    assert all(after[name] == files(paths.CORRECTED)[name] for name in changed)
    assert list(before) == list(after)
    assert (old["corrected"], new["corrected"]) == (0, 2)
    with (paths.REPORTS / "pseudo_masks/cam/images.csv").open() as file:
        rows = {row["name"]: row for row in csv.DictReader(file)}
    assert list(rows) == [f"train-{i:05d}" for i in range(1, 6)]
    marked = {name for name, row in rows.items() if row["corrected"] == "1"}
    assert {f"{name}.png" for name in marked} == changed
    assert {rows[name]["confidence"] for name in marked} == {"1.0"}
    assert {name for name, row in rows.items() if not row["miou_after"]} == marked
    confidences = [float(row["confidence"]) for name, row in rows.items() if name not in marked]
    assert new["quality"]["confidence"] == pytest.approx(np.mean(confidences), abs=1e-6)
    # The scores are those of the three others alone.
    labels = len(manifest.classes) + 1
    confusion = np.zeros((labels, labels), np.int64)
    for sample in manifest.split("train"):
        if f"{sample.name}.png" not in changed:
            mask = load_mask(paths.MASKS / "cam", sample)
            confusion += confusion_matrix(load_mask(paths.GROUND_TRUTH, sample), mask, labels)
    assert new["pseudo_masks"]["miou"] == pytest.approx(mean_iou(confusion), abs=1e-6)
    assert new["pseudo_masks"]["miou"] != old["pseudo_masks"]["miou"]


def test_they_replace_masks_of_self_training_too() -> None:
    manifest = correct("train-00002")
    write_heat(manifest)
    params, work = load_params().pseudo_masks, Path(".work/self_train/x")
    heat = ThresholdedHeat(paths.HEATMAPS / "cam", 0.5, normalised_odds)
    job = PseudoMaskJob(manifest.without_samples(), heat, ThresholdedHeat(heat.folder, 0.4), work, params)
    make_masks("self_train", "cam-round1", job, manifest.split("train"))
    masks, corrected = files(paths.MASKS / "cam-round1"), files(paths.CORRECTED)
    assert masks["train-00002.png"] == corrected["train-00002.png"]
    assert len(masks) == 5


def literal_best(manifest: Manifest, samples: list[Sample]) -> float:
    """Every threshold of the grid tried in turn."""
    labels, best = len(manifest.classes) + 1, (-1.0, 0.0)
    for threshold in np.arange(1, 50) / 50:
        confusion = np.zeros((labels, labels), np.int64)
        for sample in samples:
            stored = HeatmapStore(paths.HEATMAPS / "cam").read(sample)
            heat = upsample(stored, (sample.height, sample.width))
            mask = mask_at_threshold(heat, np.array(sample.labels, int), float(threshold))
            confusion += confusion_matrix(load_mask(paths.CORRECTED, sample), mask, labels)
        miou = mean_iou(confusion)
        best = max(best, (miou, -threshold))
    return round(-best[1], 2)


def test_a_threshold_calibrated_on_corrected_masks() -> None:
    change("threshold: auto ", "threshold: calibrated ")
    manifest = correct("train-00001", "train-00003")
    write_heat(manifest)
    make_pseudo_masks.main("cam")
    corrected = [s for s in manifest.split("train") if has_mask(paths.CORRECTED, s)]
    metrics = json.loads((paths.REPORTS / "pseudo_masks/cam/metrics.json").read_text())
    assert len(corrected) == 2
    assert metrics["threshold"] == literal_best(manifest, corrected)


def test_nothing_to_calibrate_with() -> None:
    change("threshold: auto ", "threshold: calibrated ")
    write_heat(correct())
    with pytest.raises(
        ValueError, match=r"expected corrected masks for `calibrated`, got none in data/masks"
    ):
        make_pseudo_masks.main("cam")


@pytest.mark.parametrize(
    ("module", "arguments", "folder"),
    [
        (train_classifier, (), paths.ATTENTION),
        (make_pseudo_masks, ("cam",), paths.CORRECTED),
        (self_train, ("cam-round1",), paths.CORRECTED),
        (self_train, ("cam-round1",), paths.HEATMAPS / "cam"),
        (make_pseudo_masks, ("cam",), paths.GROUND_TRUTH),
        (self_train, ("cam-round1",), paths.GROUND_TRUTH),
        (evaluate, ("cam",), paths.GROUND_TRUTH),
    ],
)
def test_unfinished_work_of_other_masks_or_heat_is_not_taken(
    module: ModuleType,
    arguments: tuple[str, ...],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare.main()
    chosen = {"refine": "crf", "confidence_threshold": 0.3}
    write_json(paths.REPORTS / "pseudo_masks/cam/metrics.json", chosen)

    def stop(_stage: str, _module: str, **parts: object) -> None:
        assert folder in parts.values()  # of the fingerprint, by content
        raise InterruptedError

    monkeypatch.setattr(network_work, "work_folder", stop)
    with pytest.raises(InterruptedError):
        module.main(*arguments)


def test_folders_have_them_too(image_folder: Callable[..., Path]) -> None:
    image_folder("data/photos")
    change("source: scenes", "source: csv")
    change("path: data/raw", "path: data/photos")
    manifest = correct("photo-00", "photo-11")  # two classes; background
    assert list(files(paths.CORRECTED)) == ["photo-00.png", "photo-11.png"]
    assert manifest.samples[0].labels == (0, 1)
    labels = Path("data/photos/labels.csv")
    labels.write_text(labels.read_text().replace("photo-00.jpg,disc;square", "photo-00.jpg,disc"))
    with pytest.raises(DataError, match=r"expected the image-level labels of 'photo-00': disc, got square"):
        prepare.main()
