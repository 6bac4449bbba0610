"""A tiny copy of the project in a folder of its own, and ways to run it."""

import io
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

ROOT = Path(__file__).parent.parent.parent
FILES = (
    "dvc.yaml",
    "params.yaml",
    ".dvc/config",
    ".dvc/.gitignore",
    ".dvcignore",
    ".gitignore",
    "data/corrections/README.md",
    "data/ground_truth/README.md",
    "data/raw/README.md",
    "data/review/decisions.csv",
)

TRAINING = {"steps": 4, "batch_size": 2, "warmup_steps": 1, "checkpoint_steps": 2}
TINY: dict[str, object] = {
    "data.long_side": 64,
    "scenes.train": 10,
    "scenes.val": 4,
    "scenes.long_side": 64,
    **{f"classifier.training.{key}": value for key, value in TRAINING.items()},
    **{f"segmentation.training.{key}": value for key, value in TRAINING.items()},
    "heatmaps.methods": ["cam", "gradcampp"],
    "heatmaps.scales": [1.0],
    "heatmaps.batch_size": 4,
    "segmentation.supervision": ["cam", "cam-round1", "cam-round2", "full"],
    "self_training.rounds": {"cam-round1": "cam", "cam-round2": "cam-round1"},
    "self_training.scales": [1.0],
    "pseudo_masks.refine": "crf" if find_spec("pydensecrf") else "none",
    "diagnose.images": 1,
    "evaluation.scales": [1.0],
    "report.images": 4,
}


def make_project(path: Path, values: Mapping[str, object] = {}, source: Path = ROOT) -> Path:
    """Copy the project's tracked files from `source` to `path`, with tiny params and then `values`."""
    for name in FILES:
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source / name, path / name)
    shutil.copytree(source / "pipeline", path / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    change_params(path, {**TINY, **values})
    return path


def change_params(project: Path, values: Mapping[str, object]) -> None:
    """Set dotted keys of the project's params.yaml; a key that is not there is added."""
    file, yaml = project / "params.yaml", YAML()
    document = yaml.load(file.read_text())
    for key, value in values.items():
        *sections, last = key.split(".")
        section = document
        for name in sections:
            section = section[name]
        section[last] = CommentedSeq(value) if isinstance(value, list) else value
        if isinstance(value, list):
            section[last].fa.set_flow_style()  # on one line: what follows has comments of its own
    text = io.StringIO()
    yaml.dump(document, text)
    file.write_text(text.getvalue())


def environment(project: Path, workers: int) -> dict[str, str]:
    """Of subprocesses: `python` and `dvc` of this venv, one thread each, nobody's settings."""
    inherited = {
        key: value for key, value in os.environ.items() if not key.startswith(("DVC_", "GIT_", "CAMSEG_"))
    }
    scratch = project.parent / f"{project.name}-scratch"
    return {
        **inherited,
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "OMP_NUM_THREADS": "1",
        "CAMSEG_DEVICE": os.environ.get("CAMSEG_DEVICE", "cpu"),
        "CAMSEG_WORKERS": str(workers),
        "HF_HUB_OFFLINE": "1",
        **{f"DVC_{name}_DIR": str(scratch) for name in ("GLOBAL_CONFIG", "SYSTEM_CONFIG", "SITE_CACHE")},
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_SYSTEM": os.devnull,
        **{
            f"GIT_{role}_{key}": "test@example.org"
            for role in ("AUTHOR", "COMMITTER")
            for key in ("NAME", "EMAIL")
        },
    }


def start(
    project: Path, *command: str, workers: int = 1, processes: int = 1, **options: Any
) -> subprocess.Popen[str]:
    """Start `command` in the project, as leader of a process group of its own; stages by `processes`."""
    return subprocess.Popen(
        command,
        cwd=project,
        env=environment(project, workers) | {"CAMSEG_PROCESSES": str(processes)},
        text=True,
        start_new_session=True,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
    )


def run(project: Path, *command: str, processes: int = 1) -> subprocess.CompletedProcess[str]:
    """Run `command` in the project to its end, whatever its exit status."""
    process = start(project, *command, processes=processes)
    return finish(process)


def finish(process: subprocess.Popen[str]) -> "subprocess.CompletedProcess[str]":
    """Wait for a started process."""
    out, err = process.communicate(timeout=600)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


def run_stage(
    project: Path, name: str, *arguments: str, processes: int = 1
) -> subprocess.CompletedProcess[str]:
    """Run one stage without DVC."""
    return run(project, sys.executable, "-m", f"pipeline.stages.{name}", *arguments, processes=processes)


def commit(project: Path) -> None:
    """Make the project a git repository of one commit."""
    for command in (
        ("init", "--quiet"),
        ("add", "--all"),
        ("commit", "--quiet", "--message", "tiny project"),
    ):
        done = run(project, "git", *command)
        assert done.returncode == 0, done.stderr


def without_git(project: Path) -> None:
    """Tell DVC that there is no git, as `make` does for a download."""
    with (project / ".dvc" / "config").open("a") as file:
        file.write("    no_scm = true\n")


def read_lock(project: Path) -> Any:
    """dvc.lock as plain values."""
    return YAML(typ="safe").load((project / "dvc.lock").read_text())


def file_bytes(project: Path, *folders: str) -> dict[str, bytes]:
    """Content of all files below the folders, by their path in the project."""
    files = [file for folder in folders for file in sorted((project / folder).rglob("*")) if file.is_file()]
    return {file.relative_to(project).as_posix(): file.read_bytes() for file in files}
