"""All stages from the images to the summary in one process, on the stub networks."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

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
from tests.golden.project import make_project

METHODS = ("cam", "gradcampp")
SUPERVISION = ("cam", "cam-round1", "full")
CHANGES: dict[str, object] = {
    "pseudo_masks.refine": "none",  # a CRF knows one image alone
    "heatmaps.methods": list(METHODS),
    "segmentation.supervision": list(SUPERVISION),
    "segmentation.teacher.start": 0.5,
    "segmentation.teacher.confidence": 0.5,
    "self_training.rounds": {"cam-round1": "cam"},
    "classifier.gain.supervision_weight": 10.0,  # corrected masks train the classifier
    "classifier.attention_from": 0.0,
    "diagnose.images": 1,
}
# What took how long, as stages write it when they are run by themselves; of another run is the last.
SECONDS = {"prepare": 1.5, "make_pseudo_masks@cam": 2.0, "evaluate@full": 0.5, "evaluate@gradcam": 9.0}


def finished_run(factory: pytest.TempPathFactory) -> Path:
    """The project after all stages, `report` among them; the same one for all tests of a session."""
    folder = factory.getbasetemp() / "finished-run"
    if not folder.exists():
        folder.mkdir()
        run_stages(folder, finish=write_report)
    return folder


def write_report() -> None:
    """The last two stages, which train and choose nothing."""
    diagnose.main()
    for name, seconds in SECONDS.items():
        file = Path(f"reports/seconds/{name}.json")
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({"seconds": seconds}))
    report.main()


def run_stages(
    folder: Path, tamper: Callable[[], None] = lambda: None, finish: Callable[[], None] = lambda: None
) -> None:
    """Run `prepare`, then `tamper` with its files, then the other stages and `finish`.

    After it, `cam-calibrated` holds the masks and scores of the threshold that corrected masks choose.
    """
    with pytest.MonkeyPatch.context() as patch:
        make_project(folder, patch, CHANGES)
        tamper()
        train_classifier.main()
        make_heatmaps.main()
        for method in METHODS:
            make_pseudo_masks.main(method)
        train_segmentation.main("cam")
        self_train.main("cam-round1")
        for supervision in SUPERVISION[1:]:
            train_segmentation.main(supervision)
        for supervision in SUPERVISION:
            evaluate.main(supervision)
        finish()
        keep_calibrated()


def keep_calibrated() -> None:
    """Make the masks of `cam` again at the calibrated threshold, and set the first ones aside."""
    folders = [Path("data/masks/cam"), Path("reports/pseudo_masks/cam")]
    for folder in folders:
        folder.rename(folder.with_name("first"))
    change_params(Path(), {"pseudo_masks.threshold": "calibrated"})
    make_pseudo_masks.main("cam")
    for folder in folders:
        folder.rename(folder.with_name("cam-calibrated"))
        folder.with_name("first").rename(folder)


def change_samples(change: Callable[[dict[str, object]], None]) -> None:
    """Apply `change` to each sample of the manifest that `prepare` wrote."""
    file = Path("data/prepared/manifest.json")
    manifest = json.loads(file.read_text())
    columns = manifest["samples"]
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    for sample in rows:
        change(sample)
    manifest["samples"] = {key: [sample[key] for sample in rows] for key in columns}
    file.write_text(json.dumps(manifest))


def noise(height: int, width: int, values: int, seed: int) -> np.ndarray:
    """uint8 (H, W) below `values`, nothing of which is known beforehand."""
    return np.random.default_rng(seed).integers(0, values, (height, width)).astype(np.uint8)


def content(folder: Path, *patterns: str) -> dict[str, bytes]:
    """The bytes of all files that the patterns find, by their path."""
    files = sorted(file for pattern in patterns for file in folder.glob(pattern) if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in files}
