"""N tiles are one tile of N times the size where a network sees no further than the margin."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline import paths
from pipeline.data.manifest import read_manifest
from pipeline.heatmaps.store import HeatmapStore
from pipeline.params import load_params
from pipeline.segmentation.network import load_segmentation_net, save_segmentation_net
from pipeline.stages import (
    diagnose,
    evaluate,
    make_heatmaps,
    make_pseudo_masks,
    report,
    self_train,
    train_classifier,
    train_segmentation,
)
from tests.end_to_end.project import change_params
from tests.golden.project import make_project, write_classifier, write_segmentation

WHOLE = 128
CHANGES: dict[str, object] = {
    "heatmaps.methods": ["cam", "gradcam"],
    "heatmaps.walk.restart": 1.0,
    "classifier.batch_norm": "frozen",
    "pseudo_masks.refine": "none",
    "segmentation.supervision": ["cam", "full"],
    "self_training.rounds": {},
}


def stored(folder: Path) -> dict[str, np.ndarray]:
    store = HeatmapStore(folder)
    return {s.name: store.read(s) for s in read_manifest(paths.PREPARED).split("train") if s.labels}


def files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.glob("*.png"))}


def made(folder: Path, tiles: int, changes: dict[str, object]) -> tuple[dict[str, np.ndarray], ...]:
    """Heat by method, masks and predictions of networks that are not trained."""
    folder.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        size = {"data.tiles": tiles, "data.long_side": WHOLE // tiles}
        make_project(folder, patch, {**CHANGES, **size, **changes})
        params = load_params()
        write_classifier()
        make_heatmaps.main()
        make_pseudo_masks.main("cam")
        write_segmentation("full")
        net = load_segmentation_net(paths.SEGMENTATION / "full")
        net.config = replace(net.config, long_side=WHOLE, tile=params.tile_side())
        save_segmentation_net(paths.SEGMENTATION / "full", net)
        evaluate.main("full")
        return (
            stored(paths.HEATMAPS / "cam"),
            stored(paths.HEATMAPS / "gradcam"),
            files(paths.MASKS / "cam"),
            files(paths.PREDICTIONS / "full"),
        )


@pytest.mark.parametrize(
    ("tiles", "changes"),
    [(4, {}), (2, {"heatmaps.flip": False}), (4, {"heatmaps.scales": [1.0]})],
)
def test_tiles_change_no_result(tmp_path: Path, tiles: int, changes: dict[str, object]) -> None:
    whole = made(tmp_path / "whole", 1, changes)
    tiled = made(tmp_path / "tiled", tiles, changes)
    for heat, of_tiles in zip(whole[:2], tiled[:2], strict=True):
        assert heat.keys() == of_tiles.keys()
        for name, stored_heat in heat.items():
            assert np.abs(stored_heat.astype(int) - of_tiles[name]).max() <= 1  # the last digit of a float
    assert tiled[3] == whole[3]
    assert tiled[2].keys() == whole[2].keys()
    assert len(whole[2]) == 5


LEARNING: dict[str, object] = {
    **CHANGES,
    "data.tiles": 2,
    "data.long_side": 32,
    "classifier.encoder": "tu-resnet10t",
    "classifier.output_stride": 32,
    "segmentation.encoder": "tu-resnet10t",
    "heatmaps.depths": 2,
}


def test_classifiers_with_the_mean_learn_from_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run of all stages has top cells."""
    make_project(tmp_path, monkeypatch, {**LEARNING, "classifier.pooling": "mean"})
    train_classifier.main()
    make_heatmaps.main()
    config = json.loads(Path("models/classifier/config.json").read_text())
    assert (config["pooling"], config["tile"]) == ("mean", 32)
    assert all(heat.max() == 255 for heat in stored(paths.HEATMAPS / "cam").values())


def test_all_stages_run_with_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changes = {
        **LEARNING,
        "classifier.pooling": 0.05,
        "heatmaps.methods": ["cam", "gradcampp"],
        "pseudo_masks.refine": "crf",
        "segmentation.supervision": ["cam", "cam-round1"],
        "segmentation.architecture": "Unet",
        "segmentation.decoder": {"channels": [16, 16, 8, 8, 8]},
        "self_training.rounds": {"cam-round1": "cam"},
        "evaluation.refine": "crf",
        "diagnose.images": 1,
    }
    make_project(tmp_path, monkeypatch, changes)
    train_classifier.main()
    config = json.loads(Path("models/classifier/config.json").read_text())
    assert (config["pooling"], config["tile"]) == (0.05, 32)
    diagnose.main()
    make_heatmaps.main()
    for method in ("cam", "gradcampp"):
        make_pseudo_masks.main(method)
    train_segmentation.main("cam")
    self_train.main("cam-round1")
    train_segmentation.main("cam-round1")
    for supervision in ("cam", "cam-round1"):
        evaluate.main(supervision)
    report.main()
    assert Path("reports/index.html").exists()
    change_params(Path(), {"data.tiles": 1})  # the model keeps its own tiles
    loaded = load_segmentation_net(paths.SEGMENTATION / "cam").config
    assert (loaded.long_side, loaded.tile) == (64, 32)
