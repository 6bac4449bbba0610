"""Copies of the project in which `dvc repro` runs. Copies with one DVC cache run a shared stage once."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.commands.params_file import update_params

ROOT = Path(__file__).parent.parent
QUICK: dict[str, object] = {"diagnose.images": 0, "report.images": 0}  # they change no score
SCENES = "scenes"  # stands for the rendered images in the place of a folder


def prepare(
    project: Path, cache: Path, data: str, options: Sequence[str], values: Mapping[str, object]
) -> Path:
    """A copy of the project for one run; what an earlier run left there stays.

    Args:
        project: where the copy goes.
        cache: the DVC cache of all copies.
        data: `scenes`, or a folder, which `camseg use` sets up.
        options: of `camseg use`.
        values: of params.yaml, by dotted key; they replace what `camseg use` chose.
    """
    (project / ".dvc").mkdir(parents=True, exist_ok=True)
    for name in ("dvc.yaml", "params.yaml", ".dvc/config", ".dvcignore"):
        shutil.copy(ROOT / name, project / name)
    shutil.rmtree(project / "pipeline", ignore_errors=True)
    shutil.copytree(ROOT / "pipeline", project / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    given = ("corrections/README.md", "ground_truth/README.md", "raw/README.md", "review/decisions.csv")
    for name in (f"data/{file}" for file in given):
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, project / name)
    (project / ".dvc/config.local").write_text(
        f"[core]\n    no_scm = true\n[cache]\n    dir = {cache}\n    type = hardlink,copy\n"
    )
    if data != SCENES:
        call(project, sys.executable, "-m", "pipeline", "use", data, "--force", *options)
    update_params(project / "params.yaml", dict(values))
    return project


def with_absolute_paths(options: Sequence[str]) -> list[str]:
    """Options of `camseg use` for a copy of the project: paths count from where the bench was started."""
    before = ["", *options]
    return [
        str(Path(text).resolve()) if last in ("--weights", "--preset") and Path(text).exists() else text
        for last, text in zip(before, options, strict=False)
    ]


def call(project: Path, *command: str) -> None:
    """Run a command in `project`; its output goes to `log.txt` there."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with (project / "log.txt").open("a") as log:
        done = subprocess.run(
            command, cwd=project, env={**os.environ, "PATH": path}, stdout=log, stderr=subprocess.STDOUT
        )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: failed, see {project / 'log.txt'}")


def stage_seconds(project: Path) -> dict[str, float]:
    """Seconds of each stage; of one that was taken from the cache, where it ran: in a folder beside."""
    found = {}
    for stage, entry in stages(project).items():
        for other in (project, *sorted(project.parent.glob("*-*"))):
            file = other / "reports" / "seconds" / f"{stage}.json"
            if file.exists() and stages(other).get(stage) == entry:
                found[stage] = float(json.loads(file.read_text())["seconds"])
                break
    return found


def stages(project: Path) -> dict[str, Any]:
    """What dvc.lock says of each stage; nothing where no stage has ended."""
    file = project / "dvc.lock"
    lock: dict[str, Any] = YAML(typ="safe").load(file)["stages"] if file.exists() else {}
    return lock
