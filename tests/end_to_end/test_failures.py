"""Each broken input ends its stage with a message that names the file or the key, and changes no lock."""

import csv
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.end_to_end.conftest import Finished
from tests.end_to_end.project import change_params, make_project, read_lock, run, run_stage
from tests.end_to_end.test_repro import stages_run
from tests.image_folder import CLASSES, make_image_folder, write_image_file, write_labels

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


def require_failure(project: Path, stage: str, *messages: str) -> None:
    """Run a stage; it has to end with 1 and to say all of `messages` without a traceback."""
    done = run_stage(project, stage)
    assert done.returncode == 1, done.stderr
    for part in (f"{stage}: failed: ", *messages):
        assert part in done.stderr
    assert "Traceback" not in done.stderr
    assert not (project / "reports" / "seconds" / f"{stage}.json").exists()


def change_labels(folder: Path, change: Callable[[dict[str, str]], Mapping[str, str]]) -> None:
    """Rewrite each row of labels.csv."""
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = [change(row) for row in csv.DictReader(file)]
    write_labels(folder, rows)


def test_images_are_fine_until_broken(csv_project: Path) -> None:
    done = run_stage(csv_project, "prepare")
    assert done.returncode == 0, done.stderr


def test_broken_image(csv_project: Path) -> None:
    file = csv_project / "data" / "raw" / "images" / "photo-01.jpg"
    file.write_bytes(file.read_bytes()[:200])
    require_failure(csv_project, "prepare", "data/raw/images/photo-01.jpg")


def test_a_mask_of_another_size_costs_the_mask_alone(csv_project: Path) -> None:
    write_image_file(csv_project / "data" / "raw" / "masks" / "photo-02.png", np.zeros((9, 7), np.uint8))
    done = run_stage(csv_project, "prepare")
    assert done.returncode == 0
    assert "photo-02 (drawn for 9 x 7 pixels" in done.stderr
    assert not (csv_project / "data" / "masks" / "full" / "photo-02.png").exists()
    assert (csv_project / "data" / "masks" / "full" / "photo-01.png").exists()


def test_unknown_label(csv_project: Path) -> None:
    def misspell(row: dict[str, str]) -> dict[str, str]:
        return {**row, "labels": "dics"} if row["image"] == "photo-01.jpg" else row

    change_labels(csv_project / "data" / "raw", misspell)
    require_failure(csv_project, "prepare", "labels.csv", "dics")


def test_mask_id_without_class(csv_project: Path) -> None:
    file = csv_project / "data" / "raw" / "masks" / "photo-00.png"
    write_image_file(file, np.full((48, 72), 61, np.uint8))
    require_failure(csv_project, "prepare", "data/raw/masks/photo-00.png", "61")


def test_all_problems_are_listed_at_once(csv_project: Path) -> None:
    images = csv_project / "data" / "raw" / "images"
    (images / "photo-00.jpg").unlink()
    (images / "photo-07.jpg").write_bytes(b"")
    (csv_project / "data" / "raw" / "masks" / "photo-03.png").write_bytes(b"no image")
    require_failure(csv_project, "prepare", "2 error(s)", "photo-00.jpg", "photo-07.jpg", "photo-03")


def test_no_images(csv_project: Path) -> None:
    (csv_project / "data" / "raw" / "labels.csv").write_text("image,labels\n")
    for file in (csv_project / "data" / "raw" / "images").iterdir():
        file.unlink()
    require_failure(csv_project, "prepare", "data/raw")


def test_no_labels_file(csv_project: Path) -> None:
    (csv_project / "data" / "raw" / "labels.csv").unlink()
    require_failure(csv_project, "prepare", "labels.csv")


def test_image_lost_after_prepare(csv_project: Path) -> None:
    assert run_stage(csv_project, "prepare").returncode == 0
    (csv_project / "data" / "raw" / "images" / "photo-03.jpg").unlink()  # of val
    done = run_stage(csv_project, "train_classifier")
    assert done.returncode == 1, done.stderr
    assert "data/raw/images/photo-03.jpg" in done.stderr
    assert not (csv_project / "models" / "classifier").exists()


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("classifier.encodr", "tu-resnet10t", "classifier.encodr"),
        ("classifier.training.warmup_step", 3, "classifier.training.warmup_step"),
        ("pseudo_masks.threshold", 1.5, "pseudo_masks.threshold"),
    ],
)
def test_impossible_params(csv_project: Path, key: str, value: object, message: str) -> None:
    change_params(csv_project, {key: value})
    require_failure(csv_project, "prepare", "params.yaml", message)


def test_missing_weights(csv_project: Path) -> None:
    assert run_stage(csv_project, "prepare").returncode == 0
    change_params(csv_project, {"classifier.weights": "weights/absent.safetensors"})
    require_failure(csv_project, "train_classifier", "weights/absent.safetensors")


def test_stage_without_its_inputs(csv_project: Path) -> None:
    require_failure(csv_project, "train_classifier", "data/prepared: there is no data set yet")


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
