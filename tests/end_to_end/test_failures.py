"""A broken input ends the process of its stage with a message that names the file, and changes no lock."""

import shutil
from pathlib import Path

import pytest

from tests.end_to_end.conftest import Finished
from tests.end_to_end.project import change_params, make_project, read_lock, run, run_stage
from tests.end_to_end.test_repro import stages_run
from tests.image_folder import CLASSES, make_image_folder

pytestmark = pytest.mark.slow


@pytest.fixture
def csv_project(template: Path, tmp_path: Path) -> Path:
    """A project whose data/raw holds images, labels and masks."""
    project = make_project(tmp_path / "project", {"data.source": "csv", "data.classes": [*CLASSES]}, template)
    make_image_folder(project / "data" / "raw")
    return project


@pytest.fixture
def scenes(finished: tuple[Finished, Finished], tmp_path: Path) -> Path:
    """A finished project of scenes, to be changed."""
    return shutil.copytree(finished[0].path, tmp_path / "project", symlinks=True)


def test_broken_image(csv_project: Path) -> None:
    file = csv_project / "data" / "raw" / "images" / "photo-01.jpg"
    file.write_bytes(file.read_bytes()[:200])
    done = run_stage(csv_project, "prepare")
    assert done.returncode == 1, done.stderr
    for part in ("prepare: failed: ", "data/raw/images/photo-01.jpg"):
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert not (csv_project / "reports" / "seconds" / "prepare.json").exists()


def test_image_lost_after_prepare(csv_project: Path) -> None:
    assert run_stage(csv_project, "prepare").returncode == 0
    (csv_project / "data" / "raw" / "images" / "photo-03.jpg").unlink()  # of val
    done = run_stage(csv_project, "train_classifier")
    assert done.returncode == 1, done.stderr
    assert "data/raw/images/photo-03.jpg" in done.stderr
    assert not (csv_project / "models" / "classifier").exists()


def test_loss_that_explodes_leaves_the_lock_alone(scenes: Path) -> None:
    lock = (scenes / "dvc.lock").read_bytes()
    summary = (scenes / "reports" / "summary.json").read_bytes()
    change_params(scenes, {"classifier.training.lr": 1e30})
    done = run(scenes, "dvc", "repro")
    assert done.returncode != 0
    for part in (
        "train_classifier: failed: ",
        "loss",
        "training.lr",
        "failed to reproduce 'train_classifier'",
    ):
        assert part in done.stderr
    assert (scenes / "dvc.lock").read_bytes() == lock
    assert (scenes / "reports" / "summary.json").read_bytes() == summary

    # Taking the change back brings the results back from the cache.
    change_params(scenes, {"classifier.training.lr": 2e-3})
    again = run(scenes, "dvc", "repro")
    assert again.returncode == 0, again.stderr
    assert stages_run(again.stdout) == ["code"]
    assert (scenes / "models" / "classifier" / "model.safetensors").exists()
    assert (scenes / "dvc.lock").read_bytes() == lock


def test_broken_image_leaves_the_lock_alone(scenes: Path) -> None:
    lock = read_lock(scenes)
    folder = make_image_folder(scenes / "data" / "raw")
    (folder / "images" / "photo-01.jpg").write_bytes(b"")
    change_params(scenes, {"data.source": "csv"})
    done = run(scenes, "dvc", "repro")
    assert done.returncode != 0
    assert "data/raw/images/photo-01.jpg" in done.stderr
    assert read_lock(scenes) == lock
    assert all((scenes / folder).is_dir() for folder in ("models/classifier", "data/heatmaps"))
