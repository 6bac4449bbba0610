"""Real stages by several processes: torchrun on one machine, two "nodes", kills, and the same bytes."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.end_to_end.project import environment, file_bytes, make_project

pytestmark = pytest.mark.slow

VALUES: dict[str, object] = {
    "scenes.train": 24,
    "scenes.val": 16,
    "scenes.empty_share": 0.0,
    "heatmaps.methods": ["cam"],
    "heatmaps.batch_size": 2,
    "segmentation.supervision": ["cam"],
    "self_training.rounds": {},
    "pseudo_masks.threshold": 0.5,
    **{
        f"{network}.training.{key}": value
        for network in ("classifier", "segmentation")
        for key, value in {"steps": 8, "batch_size": 8, "shards": 4, "checkpoint_steps": 1}.items()
    },
}
STAGES: dict[str, tuple[list[str], list[str]]] = {
    "train_classifier": ([], ["models/classifier", "reports/classifier"]),
    "make_heatmaps": ([], ["data/heatmaps"]),
    "make_pseudo_masks": (["cam"], ["data/masks/cam", "reports/pseudo_masks"]),
    "train_segmentation": (["cam"], ["models/segmentation", "reports/segmentation"]),
    "evaluate": (["cam"], ["data/predictions", "reports/evaluation"]),
    "diagnose": ([], ["reports/diagnosis"]),
}
LIMIT = 600.0  # seconds


def start(project: Path, *command: str, **variables: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=project,
        env=environment(project, 1) | variables,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run_stage(project: Path, stage: str, *arguments: str, **variables: str) -> str:
    """Run a stage to its end; returns what it says of itself, on stderr."""
    process = start(project, sys.executable, "-m", f"pipeline.stages.{stage}", *arguments, **variables)
    told = process.communicate(timeout=LIMIT)[1]
    assert process.returncode == 0, told
    return told


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project after all stages, each by one process, in blocks of a few images."""
    project = make_project(tmp_path_factory.mktemp("alone") / "project", VALUES)
    mapping = project / "pipeline" / "engine" / "mapping.py"
    text = mapping.read_text()
    assert "BLOCK = 256 " in text
    mapping.write_text(text.replace("BLOCK = 256 ", "BLOCK = 4 "))
    run_stage(project, "prepare")
    for stage, (arguments, _) in STAGES.items():
        run_stage(project, stage, *arguments)
    return project


@pytest.fixture
def before(alone: Path, tmp_path: Path) -> Callable[..., Path]:
    """A factory of copies of the project without the outputs of some stages."""

    def copy(*stages: str) -> Path:
        project = tmp_path / "project"
        subprocess.run(["cp", "-r", alone, project], check=True)
        subprocess.run(["rm", "-r", *(out for s in stages for out in STAGES[s][1])], cwd=project, check=True)
        return project

    return copy


def check(project: Path, alone: Path, *stages: str) -> None:
    for stage in stages:
        outs = STAGES[stage][1]
        assert file_bytes(project, *outs) == file_bytes(alone, *outs), stage
    assert not list((project / ".work").iterdir())


def test_all_stages_by_two_processes(before: Callable[..., Path], alone: Path) -> None:
    project = before(*STAGES)
    for stage, (arguments, _) in STAGES.items():
        told = run_stage(project, stage, *arguments, CAMSEG_PROCESSES="2")
        name = "@".join([stage, *arguments])
        assert told.count(f"{name}: started") == told.count(f"{name}: done in") == 1
    check(project, alone, *STAGES)


def test_two_nodes(before: Callable[..., Path], alone: Path) -> None:
    """Two launchers that meet at one address; they see the same folder."""
    project = before("train_segmentation", "evaluate")
    with socket.socket() as free:
        free.bind(("localhost", 0))
        address = f"localhost:{free.getsockname()[1]}"
    for stage in ("train_segmentation", "evaluate"):
        options = ["--nnodes=2", "--nproc-per-node=1", "--rdzv-backend=c10d", f"--rdzv-endpoint={address}"]
        command = [sys.executable, "-m", "torch.distributed.run", *options, "-m", f"pipeline.stages.{stage}"]
        nodes = [start(project, *command, "cam") for _ in range(2)]
        told = [node.communicate(timeout=LIMIT)[1] for node in nodes]
        assert [node.returncode for node in nodes] == [0, 0], told
    check(project, alone, "train_segmentation", "evaluate")


@pytest.mark.parametrize(
    ("stage", "files", "after"),
    [
        ("train_segmentation", "checkpoint.pt", "1"),
        ("make_heatmaps", "shard-*.safetensors", "4"),
        ("make_pseudo_masks", "blocks/*.npz", "1"),
    ],
)
def test_a_killed_process_ends_the_stage_and_another_number_goes_on(
    stage: str, files: str, after: str, before: Callable[..., Path], alone: Path
) -> None:
    project, arguments = before(stage), STAGES[stage][0]
    process = start(
        project, sys.executable, "-m", f"pipeline.stages.{stage}", *arguments, CAMSEG_PROCESSES="2"
    )
    deadline = time.monotonic() + LIMIT
    while not list((project / ".work").rglob(files)):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.002)
    os.kill(youngest_child(process.pid), signal.SIGKILL)
    told = process.communicate(timeout=LIMIT)[1]
    assert process.returncode == 1
    assert "was ended by SIGKILL. Run the same command again" in told
    assert "Traceback" not in told
    run_stage(project, stage, *arguments, CAMSEG_PROCESSES=after)
    check(project, alone, stage)


def youngest_child(pid: int) -> int:
    """The process that `pid` has started last."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return max(map(int, children))


def test_one_message_for_params_that_no_process_can_read(before: Callable[..., Path]) -> None:
    project = before("evaluate")
    (project / "params.yaml").write_text("seed: none\n")
    process = start(project, sys.executable, "-m", "pipeline.stages.evaluate", "cam", CAMSEG_PROCESSES="4")
    told = process.communicate(timeout=LIMIT)[1]
    assert process.returncode == 1
    assert told.count("evaluate@cam: failed: params.yaml") == 1
    assert "Traceback" not in told
