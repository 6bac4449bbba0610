"""`dvc repro` from images and labels to the report, on a tiny data set."""

import re
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from pipeline.base.files import read_json, write_json
from pipeline.base.work_folder import file_digest
from pipeline.scenes.source import CLASSES
from tests.end_to_end.conftest import Finished
from tests.end_to_end.project import (
    change_params,
    file_bytes,
    make_project,
    read_lock,
    run,
    without_git,
)
from tests.image_folder import CLASSES as SHAPES
from tests.image_folder import make_image_folder

pytestmark = pytest.mark.slow

METHODS = {"cam", "gradcampp"}
ROUNDS = {"cam-round1", "cam-round2"}
SELF_TRAINING = {"self_train@cam-round1", "self_train@cam-round2"}
SUPERVISION = {"cam", *ROUNDS, "full"}
STAGES = {
    "code",
    "prepare",
    "train_classifier",
    "diagnose",
    "make_heatmaps",
    *(f"make_pseudo_masks@{method}" for method in METHODS),
    *(
        f"{stage}@{supervision}"
        for stage in ("train_segmentation", "evaluate")
        for supervision in SUPERVISION
    ),
    *SELF_TRAINING,
    "report",
}


def stages_run(out: str) -> list[str]:
    """Names of the stages that DVC started."""
    return re.findall(r"Running stage '(.*)'", out)


def require_summary(summary: Any, classes: set[str]) -> None:
    """Check the keys of reports/summary.json, which others rely on."""
    assert set(summary) == {
        *("classifier", "heatmaps", "pseudo_masks", "segmentation"),
        *("weak_to_full", "supervision", "corrected_masks", "ground_truth", "split", "verdict"),
    }
    assert set(summary["verdict"]) == {"level", "vetoes"}
    assert set(summary["classifier"]) == {"map", "f1"}
    assert set(summary["heatmaps"]) == METHODS
    assert set(summary["pseudo_masks"]) == METHODS | ROUNDS
    assert set(summary["segmentation"]) == set(summary["supervision"]) == SUPERVISION
    for scores in summary["heatmaps"].values():
        assert set(scores) == {"miou_best", "threshold_best", "miou_chosen", "threshold_chosen"}
    for scores in summary["pseudo_masks"].values():
        assert set(scores) == {"miou", "precision", "recall", "coverage"}
    for scores in summary["segmentation"].values():
        assert set(scores) == {"miou", "miou_standard_error", "iou_per_class", "boundary_iou", "findings"}
        assert set(scores["iou_per_class"]) == {"background", *classes}


def leaves(value: Any) -> list[Any]:
    """The values of nested dictionaries."""
    return (
        [leaf for inner in value.values() for leaf in leaves(inner)] if isinstance(value, dict) else [value]
    )


def test_all_stages_run(finished: tuple[Finished, Finished]) -> None:
    for project in finished:
        assert project.returncode == 0, project.stderr
        ran = stages_run(project.stdout)
        assert len(ran) == len(STAGES)
        assert set(ran) == STAGES
        assert (project.path / "reports" / "index.html").stat().st_size > 10_000
        assert not list((project.path / ".work").iterdir()), "finished stages leave no work behind"
        assert "is empty" not in project.stderr, "DVC's warning of a folder without files"
        assert "Loading weights" not in project.stdout, "what a library prints"


def test_summary_has_all_scores(finished: tuple[Finished, Finished]) -> None:
    summary = read_json(finished[0].path / "reports" / "summary.json")
    require_summary(summary, set(CLASSES))
    scores = {key: summary[key] for key in ("classifier", "heatmaps", "pseudo_masks")}
    models = {
        s: {key: result[key] for key in ("miou", "boundary_iou")}
        for s, result in summary["segmentation"].items()
    }
    for score in (*leaves(scores), *leaves(models)):
        assert 0 <= score <= 1
    # A class that neither the ground truth nor the prediction of so few images shows has no IoU.
    for result in summary["segmentation"].values():
        assert all(iou is None or 0 <= iou <= 1 for iou in result["iou_per_class"].values())
        assert result["iou_per_class"]["background"] is not None
    full = summary["segmentation"]["full"]["miou"]
    assert summary["weak_to_full"] == pytest.approx(summary["segmentation"]["cam"]["miou"] / full, abs=1e-5)


@pytest.fixture(scope="module")
def copies(finished: tuple[Finished, Finished], tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Copies of both projects, where DVC may be started."""
    folder = tmp_path_factory.mktemp("copies")
    return [shutil.copytree(f.path, folder / f.path.name, symlinks=True) for f in finished]


def test_metrics_and_plots_for_dvc(copies: list[Path]) -> None:
    project = copies[0]
    shown = run(project, "dvc", "metrics", "show", "--json")
    assert shown.returncode == 0, shown.stderr
    metrics = read_json(project / "reports" / "classifier" / "metrics.json")
    assert f'"map": {metrics["map"]}' in shown.stdout
    assert len(list((project / "reports" / "panels").rglob("*.png"))) == 4
    assert {path.stem for path in (project / "reports" / "seconds").iterdir()} == STAGES


def test_second_run_looks_at_the_code_alone(copies: list[Path]) -> None:
    for project in copies:
        again = run(project, "dvc", "repro")
        assert again.returncode == 0, again.stderr
        assert stages_run(again.stdout) == ["code"]


def test_clean_copies_agree_in_every_hash(finished: tuple[Finished, Finished]) -> None:
    first, second = (read_lock(project.path) for project in finished)
    assert set(first["stages"]) == STAGES
    assert first == second


def trained_images(project: Path, supervision: str) -> int:
    """The number of images that a segmentation model learnt from."""
    count: int = read_json(project / "reports/segmentation" / supervision / "metrics.json")["images"]
    return count


def test_corrections_and_decisions_retrain_the_classifier_only_where_it_is_trained_with_them(
    finished: tuple[Finished, Finished], tmp_path: Path
) -> None:
    project = shutil.copytree(finished[0].path, tmp_path / "project", symlinks=True)
    true, names = project / "data/masks/full", ("train-00001.png", "train-00002.png")
    (project / "by-hand").mkdir()
    for name in names:
        shutil.copy(true / name, project / "by-hand" / name)
    added = run(project, sys.executable, "-m", "pipeline", "corrections", "add", "by-hand")
    assert added.returncode == 0, added.stderr
    seen = file_digest(project / "data/masks/cam-round2/train-00003.png")
    rejected = {"name": "train-00003", "decision": "rejected", "shown": seen, "painted": None}
    write_json(
        project / "said.json", {"camseg": "decisions 1", "masks": "cam-round2", "decisions": [rejected]}
    )
    applied = run(project, sys.executable, "-m", "pipeline", "review", "apply", "said.json")
    assert applied.returncode == 0, applied.stderr
    images = {name: trained_images(project, name) for name in SUPERVISION}
    again = run(project, "dvc", "repro")
    assert again.returncode == 0, again.stderr
    weak = SUPERVISION - {"full"}
    assert set(stages_run(again.stdout)) == {
        *(
            "code",
            "prepare",
            "make_pseudo_masks@cam",
            "make_pseudo_masks@gradcampp",
            *SELF_TRAINING,
            "report",
        ),
        *(f"{stage}@{name}" for stage in ("train_segmentation", "evaluate") for name in weak),
    }
    for folder in METHODS | ROUNDS | {"corrected"}:
        masks = file_bytes(project / "data/masks" / folder, ".")
        assert all(masks[name] == file_bytes(project / "data/corrections", ".")[name] for name in names)
    for folder in METHODS | ROUNDS:
        assert (project / "data/masks" / folder / "rejected.txt").read_text() == "train-00003\n"
    left = {name: trained_images(project, name) for name in SUPERVISION}
    assert left == {name: count - (name != "full") for name, count in images.items()}
    assert read_json(project / "reports/summary.json")["corrected_masks"] == 2
    page = (project / "reports/index.html").read_text()
    assert re.search(r"image-level labels of \d+ images and 2 corrected masks", page)

    change_params(project, {"classifier.gain.supervision_weight": 10})
    trained = run(project, "dvc", "repro", "train_classifier")
    assert stages_run(trained.stdout) == ["code", "prepare", "train_classifier"], trained.stderr
    removed = run(project, sys.executable, "-m", "pipeline", "corrections", "remove", "train-00001")
    assert removed.returncode == 0, removed.stderr
    assert stages_run(run(project, "dvc", "repro", "train_classifier").stdout) == [
        "code",
        "prepare",
        "train_classifier",
    ]


def test_model_opens_without_this_project_or_a_network(finished: tuple[Finished, Finished]) -> None:
    folder = finished[0].path / "models" / "segmentation"
    code = (
        "import socket, sys, torch, segmentation_models_pytorch as smp\n"
        "def refuse(*_): raise AssertionError('network')\n"
        "socket.socket.connect = socket.getaddrinfo = refuse\n"
        "for name in sys.argv[1:]:\n"
        "    net = smp.from_pretrained(name).eval()\n"
        "    print(tuple(net(torch.zeros(1, 3, 64, 96)).shape))\n"
        "assert 'pipeline' not in sys.modules\n"
    )
    folders = [str(folder / supervision) for supervision in SUPERVISION]
    done = run(folder, sys.executable, "-c", code, *folders)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(str((1, 1 + len(CLASSES), 64, 96))) == len(SUPERVISION)


def test_images_without_masks(template: Path, tmp_path: Path) -> None:
    project = make_project(tmp_path / "project", {"data.source": "csv"}, template)
    make_image_folder(project / "data" / "raw", masks=False)
    without_git(project)
    done = run(project, "dvc", "repro")
    assert done.returncode == 0, done.stderr
    assert set(stages_run(done.stdout)) == STAGES
    note = "train_segmentation@full: skipped, since data/masks/full has no mask of a training image"
    assert note in done.stdout
    assert set(re.findall(r"'(\S+)' is empty", done.stderr)) == {"reports/plots"}  # it may hold plots alone
    summary = read_json(project / "reports" / "summary.json")
    require_summary(summary, set(SHAPES))
    assert None not in summary["classifier"].values()
    unknown = {key: summary[key] for key in ("pseudo_masks", "segmentation", "weak_to_full")}
    # Whether an image shows a class is known without masks. `full` is not trained.
    by_labels = {"image_auroc", "image_ap", "pg_1", "pg_5", "pb_1", "pb_5"}
    for supervision, scores in summary["segmentation"].items():
        known = set() if supervision == "full" else by_labels
        for of_class in scores.pop("findings").values():
            assert {name for name, value in of_class.items() if value is not None} == known
    assert set(leaves(unknown)) == {None}
    for scores in summary["heatmaps"].values():
        assert 0 < scores.pop("threshold_chosen") < 1
        assert set(scores.values()) == {None}
    assert (project / "reports" / "index.html").exists()
    assert len(list((project / "data" / "predictions" / "cam").glob("*.png"))) == 3
