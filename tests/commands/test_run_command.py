"""`camseg run`: what would stop a run is said before anything is deleted."""

import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pipeline.__main__ import main
from pipeline.commands import before_run, run
from pipeline.commands.params_file import update_params
from pipeline.params import load_params
from tests.image_folder import make_image_folder, write_image_file

ImageFolder = Callable[..., Path]
ALL = {"prepare", "train_classifier", "train_segmentation@cam"}


def encoders(name: str) -> dict[str, object]:
    """The values that name the encoder of both networks."""
    return {"classifier.encoder": name, "segmentation.encoder": name}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a project, `my`, and its images, to be copied."""
    folder = tmp_path_factory.mktemp("made")
    options = ["--weights", "none", "--encoder", "resnet18", "--quality", "fast"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAMSEG_WORKERS", "1")
        images = make_image_folder(folder / "images")
        assert main(["init", str(folder / "my"), "--data", str(images), *options]) == 0
    return folder


@pytest.fixture(autouse=True)
def project(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of a small folder as the current folder."""
    monkeypatch.setenv("CAMSEG_WORKERS", "1")
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path / "my")
    text = Path("params.yaml").read_text()
    assert str(made) in text
    Path("params.yaml").write_text(text.replace(str(made), str(tmp_path)))
    return tmp_path / "my"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What DVC is asked to run, where all stages have changed."""
    calls: list[list[str]] = []
    monkeypatch.setattr(run, "changed_stages", lambda: (0, ALL))
    monkeypatch.setattr(run, "repro", lambda arguments: calls.append(arguments) or 0)
    return calls


@pytest.mark.parametrize(
    ("arguments", "given"),
    [
        ([], []),
        (["prepare", "make_heatmaps"], ["prepare", "make_heatmaps"]),
        (["--", "--force", "evaluate"], ["--force", "evaluate"]),
    ],
)
def test_dvc_gets_stages_and_its_own_options(
    arguments: list[str], given: list[str], started: list[list[str]]
) -> None:
    assert main(["run", *arguments]) == 0
    assert started == [given]
    assert {file.stem for file in Path("reports/code").iterdir()} >= {"prepare", "evaluate", "report"}


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (encoders("resnt18"), "encoder 'resnt18' with weights 'none': expected one of"),
        (encoders("resnt18"), ". Did you mean resnet18"),
        (encoders("tu-mobilenetv3_larg_100"), ". Did you mean tu-mobilenetv3_large_100"),
        ({"classifier.weights": "absent.safetensors"}, "absent.safetensors: cannot be read as weights"),
        ({"segmentation.architecture": "FPNN"}, "segmentation 'FPNN' on "),
        ({"segmentation.decoder": {"chanels": 2}}, "segmentation.decoder: FPN has no chanels, but"),
        ({"data.path": "absent"}, "data.path absent: no such folder"),
        ({"data.classes": ["cta"]}, "cta"),
    ],
)
def test_values_that_would_stop_a_stage_are_said(
    values: dict[str, object], message: str, started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    update_params(Path("params.yaml"), values)
    assert main(["run"]) == 2
    said = capsys.readouterr().err
    assert "camseg: nothing was run or deleted\n  " in said
    assert message in said
    assert started == []


def test_all_is_said_at_once(
    image_folder: ImageFolder, started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    update_params(Path("params.yaml"), {**encoders("no such"), "segmentation.architecture": "none"})
    (image_folder("images") / "images/photo-01.jpg").write_bytes(b"")
    assert main(["run"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n  ") == 3
    assert all(part in said for part in ("photo-01.jpg", "'no such'", "'none'"))
    assert started == []


def test_a_long_list_is_cut(
    tmp_path: Path,
    started: list[list[str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(before_run, "MOST_ERRORS", 2)
    for number in range(5):
        (tmp_path / f"images/images/photo-0{number}.jpg").write_bytes(b"")
    assert main(["run"]) == 2
    *lines, last = capsys.readouterr().err.splitlines()[-3:]
    assert all("/photo-0" in line for line in lines)
    assert last.startswith("  and 3 more: `camseg check ")


def test_a_corrected_mask_of_another_data_set_is_said(
    started: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    write_image_file(Path("data/corrections/other.png"), np.zeros((8, 8), np.uint8))
    Path("data/corrections/classes.txt").write_text("disc\n")
    assert main(["run"]) == 2
    assert "expected a training image for 'other'" in capsys.readouterr().err
    assert started == []


@pytest.mark.parametrize(("free", "status"), [(1e6, 2), (1e12, 0)])
def test_a_disk_that_is_too_small_is_said(
    free: float,
    status: int,
    started: list[list[str]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    assert main(["run"]) == status
    assert ("disk: expected 0.2 GB free for the outputs, got 0.0 GB" in capsys.readouterr().err) == bool(
        status
    )


def test_a_typo_in_params_ends_before_dvc_is_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "changed_stages", lambda: pytest.fail("DVC was asked"))
    Path("params.yaml").write_text(
        Path("params.yaml").read_text().replace("  refine: auto", "  refine: crff", 1)
    )
    assert main(["run"]) == 2
    assert "got 'crff'. Did you mean crf? (line " in capsys.readouterr().err
    assert not Path("reports").exists()


@pytest.mark.parametrize(
    ("changed", "count"),
    [({"prepare"}, 2), ({"train_classifier"}, 2), ({"make_heatmaps"}, 1), ({"evaluate@cam", "report"}, 0)],
)
def test_only_networks_that_will_be_trained_need_their_weights(
    changed: set[str], count: int, monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    values = {"classifier.weights": "absent.pth", "segmentation.weights": "absent.pth"}
    update_params(Path("params.yaml"), values)
    monkeypatch.setattr(run, "changed_stages", lambda: (0, changed))
    assert main(["run"]) == (2 if count else 0)
    assert len(before_run.errors_before_run(load_params(), changed)) == count


@pytest.mark.parametrize(("changed", "count"), [({"make_heatmaps"}, 1), ({"make_pseudo_masks@cam"}, 0)])
def test_heatmaps_need_the_encoder_of_the_walk(changed: set[str], count: int) -> None:
    values = {"heatmaps.walk.features": "resnet19", "heatmaps.walk.weights": "absent.pth"}
    update_params(Path("params.yaml"), values)
    errors = list(before_run.network_errors(load_params(), changed))
    assert len(errors) == count
    assert all("heatmaps.walk.features: encoder 'resnet19'" in error for error in errors)


@pytest.mark.parametrize("changed", [set(), {"evaluate@cam"}])
def test_images_are_decoded_only_where_prepare_will_run(
    changed: set[str], monkeypatch: pytest.MonkeyPatch, started: list[list[str]]
) -> None:
    monkeypatch.setattr(run, "changed_stages", lambda: (0, changed))
    monkeypatch.setattr(before_run, "inspect_source", lambda *_: pytest.fail("images were decoded"))
    assert main(["run"]) == 0
    assert started == [[]]


def test_what_dvc_says_of_a_broken_project_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "repro", lambda _: pytest.fail("it ran"))
    Path("dvc.yaml").write_text("stages: 1\n")
    assert main(["run"]) not in (0, 2)


def test_stages_start_the_python_of_camseg(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}

    class Process:
        returncode = 3

        def __init__(self, command: list[str], env: dict[str, str]) -> None:
            seen.update(command=command, env=env)

        def poll(self) -> int:
            return 3

    monkeypatch.setattr(run.subprocess, "Popen", Process)
    assert run.repro(["prepare"]) == 3
    assert seen["command"] == [sys.executable, "-m", "dvc", "repro", "prepare"]
    assert seen["env"]["PATH"].startswith(str(Path(sys.executable).parent))


def test_ctrl_c_waits_for_dvc_and_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Process:
        returncode = 255
        waits = 0

        def __init__(self, command: list[str], env: dict[str, str]) -> None:
            pass

        def poll(self) -> int | None:
            return 255 if self.waits == 2 else None

        def wait(self) -> None:
            self.waits += 1
            if self.waits == 1:
                raise KeyboardInterrupt

    monkeypatch.setattr(run.subprocess, "Popen", Process)
    assert run.repro([]) == 130
    assert capsys.readouterr().err == "camseg: interrupted. The same command goes on from there\n"
