"""Stages that are killed go on where they were, and end with the bytes of a run that was not."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from tests.end_to_end.project import file_bytes, finish, make_project, run, run_stage, start, without_git
from tests.end_to_end.test_repro import stages_run

pytestmark = pytest.mark.slow

GOES_ON = "goes on with the work of an interrupted run"
LIMIT = 300  # seconds that a stage may take to show the progress that it is killed at

# Enough to do between the first sign of work and the end: 30 steps, 5 blocks, 40 blocks of a mask.
SLOW: dict[str, object] = {
    "scenes.train": 40,
    "scenes.val": 32,
    "scenes.empty_share": 0.0,
    "classifier.training.steps": 30,
    "classifier.training.checkpoint_steps": 3,
    "segmentation.training.steps": 30,
    "segmentation.training.checkpoint_steps": 3,
    "heatmaps.methods": ["cam"],
    "heatmaps.scales": [1.0, 0.75, 1.5],
    "heatmaps.batch_size": 1,
    "segmentation.supervision": ["cam"],
    "self_training.rounds": {},
    "pseudo_masks.crf.iterations": 50,
    "evaluation.scales": [1.0, 1.5, 2.0],
}
BLOCK = 8  # images

Progress = Callable[[Path], int]


def steps_done(project: Path) -> int:
    """Step of the checkpoint, 0 where there is none."""
    for file in (project / ".work").rglob("checkpoint.pt"):
        return int(torch.load(file, weights_only=True)["progress"]["step"])
    return 0


def shards_done(project: Path) -> int:
    return len(list((project / ".work").rglob("shard-*.safetensors")))


def blocks_done(project: Path) -> int:
    return len(list((project / ".work").rglob("block-*.json")))


def masks_done(project: Path) -> int:
    return len(list((project / ".work").rglob("blocks/*.npz")))


STAGES: dict[str, tuple[list[str], Progress, tuple[int, ...], list[str]]] = {
    # A training and a map are killed twice. Steps 6 and 18 lie between the points of the curve, which average
    # over 10 steps.
    "train_classifier": ([], steps_done, (6, 18), ["models/classifier", "reports/classifier"]),
    "diagnose": ([], blocks_done, (2,), ["reports/diagnosis"]),
    "make_heatmaps": ([], shards_done, (1, 3), ["data/heatmaps"]),
    "make_pseudo_masks": (["cam"], masks_done, (1,), ["data/masks/cam", "reports/pseudo_masks"]),
    "train_segmentation": (["cam"], steps_done, (18,), ["models/segmentation", "reports/segmentation"]),
    "evaluate": (["cam"], blocks_done, (2,), ["data/predictions", "reports/evaluation"]),
}


@pytest.fixture(scope="module")
def uninterrupted(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after all the long stages."""
    project = make_project(tmp_path_factory.mktemp("uninterrupted") / "project", SLOW, template)
    mapping = project / "pipeline" / "engine" / "mapping.py"
    text = mapping.read_text()
    assert "BLOCK = 256 " in text
    mapping.write_text(text.replace("BLOCK = 256 ", f"BLOCK = {BLOCK} "))
    for stage, arguments in {"prepare": [], **{name: spec[0] for name, spec in STAGES.items()}}.items():
        done = run_stage(project, stage, *arguments)
        assert done.returncode == 0, done.stderr
        assert GOES_ON not in done.stdout
    assert not list((project / ".work").iterdir())
    return project


@pytest.fixture
def before(uninterrupted: Path, tmp_path: Path) -> Callable[[str], Path]:
    """A factory of copies of the project as it was before a stage."""

    def copy(stage: str) -> Path:
        project = shutil.copytree(uninterrupted, tmp_path / "project")
        for out in STAGES[stage][3]:
            shutil.rmtree(project / out)
        return project

    return copy


def kill_at(project: Path, progress: Progress, wanted: int, *command: str) -> int:
    """Start `command`, kill it and its workers once it has got so far; returns how far it is."""
    process = start(project, *command, workers=2, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + LIMIT
        while progress(project) < wanted:
            assert process.poll() is None, f"ended with {process.returncode} before it was killed"
            assert time.monotonic() < deadline, f"no progress in {LIMIT} s"
            time.sleep(0.002)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert process.returncode == -signal.SIGKILL, "the stage was faster than its end"
    return progress(project)


@pytest.mark.parametrize("stage", STAGES)
def test_killed_stage_goes_on(stage: str, before: Callable[[str], Path], uninterrupted: Path) -> None:
    arguments, progress, points, outs = STAGES[stage]
    project = before(stage)
    command = (sys.executable, "-m", f"pipeline.stages.{stage}", *arguments)
    reached = [kill_at(project, progress, point, *command) for point in points]
    assert reached == sorted(reached)
    assert file_bytes(project, ".work"), "work is left behind"
    # What a kill in the middle of `write_bytes` leaves is not published.
    for folder in {file.parent for file in (project / ".work").glob("*/**/*.*") if file.is_file()}:
        (folder / ".next.safetensors.k1ll3d.part").write_bytes(b"half")
    done = run_stage(project, stage, *arguments)
    assert done.returncode == 0, done.stderr
    assert GOES_ON in done.stdout
    assert not list((project / ".work").iterdir())
    assert file_bytes(project, *outs) == file_bytes(uninterrupted, *outs)


def test_killed_while_publishing(before: Callable[[str], Path], uninterrupted: Path) -> None:
    # The masks have been moved out of the work folder, what else there is has not yet been cleared.
    project = before("make_pseudo_masks")
    kill_at(project, masks_done, 15, sys.executable, "-m", "pipeline.stages.make_pseudo_masks", "cam")
    (folder,) = (project / ".work").rglob("masks")
    folder.rename(project / "data" / "masks" / "cam")
    done = run_stage(project, "make_pseudo_masks", "cam")
    assert done.returncode == 0, done.stderr
    outs = STAGES["make_pseudo_masks"][3]
    assert file_bytes(project, *outs) == file_bytes(uninterrupted, *outs)


def test_changed_params_start_anew(before: Callable[[str], Path]) -> None:
    project = before("make_pseudo_masks")
    command = (sys.executable, "-m", "pipeline.stages.make_pseudo_masks", "cam")
    kill_at(project, masks_done, 1, *command)
    text = (project / "params.yaml").read_text()
    changed = re.sub(r"^  band: \S+", "  band: 0.25", text, flags=re.MULTILINE)
    assert changed != text
    (project / "params.yaml").write_text(changed)
    done = run_stage(project, "make_pseudo_masks", "cam")
    assert done.returncode == 0, done.stderr
    assert GOES_ON not in done.stdout
    assert not list((project / ".work").iterdir()), "the work of the other params is gone too"


def test_killed_dvc_goes_on(before: Callable[[str], Path], uninterrupted: Path) -> None:
    project = before("train_classifier")
    without_git(project)
    kill_at(project, steps_done, 6, "dvc", "repro", "train_classifier")
    assert not (project / "models" / "classifier").exists()
    done = finish(start(project, "dvc", "repro", "train_classifier"))
    assert done.returncode == 0, done.stderr
    assert GOES_ON in done.stdout
    outs = STAGES["train_classifier"][3]
    assert file_bytes(project, *outs) == file_bytes(uninterrupted, *outs)
    assert stages_run(run(project, "dvc", "repro", "train_classifier").stdout) == ["code"]
