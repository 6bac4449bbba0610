"""`camseg run`: looks for what would stop a run before DVC deletes any output, then runs the stages."""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from pipeline import paths
from pipeline.base.code_digests import OWN, write_code_digests
from pipeline.commands.before_run import errors_before_run
from pipeline.commands.parser import add_command
from pipeline.errors import INTERRUPTED
from pipeline.params import load_params

REFUSED = 2

EXAMPLES = """
Stages that are up to date are skipped. Before anything is deleted, camseg checks params.yaml, the networks
and their weights (it downloads them), the images, the corrected masks and the space on the disk. You may stop
a run at any moment: the same command goes on from there. `dvc repro` runs the stages without this check.

examples:
  camseg run
  camseg run make_heatmaps              # this stage and what it needs
  camseg run -- --force evaluate        # options of `dvc repro`
"""


def add_parser(commands: Any) -> None:
    parser = add_command(commands, "run", run, "run the pipeline in this project", EXAMPLES)
    stages = "stages of dvc.yaml, with those that they need (default: all)"
    parser.add_argument("stages", nargs="*", metavar="STAGE", help=stages)


def run(arguments: argparse.Namespace) -> int:
    """The exit status of `dvc repro`; 2, and nothing is changed, where a stage would end with an error."""
    params = load_params()
    write_code_digests(paths.CODE, params.weights_files())  # else a stage with other code would not show
    status, changed = changed_stages()
    if status:
        return status
    if changed and (errors := errors_before_run(params, changed)):
        lines = "".join(f"  {error}\n" for error in errors)
        print(f"camseg: nothing was run or deleted\n{lines}", end="", file=sys.stderr)
        return REFUSED
    return repro(arguments.stages)


def changed_stages() -> tuple[int, set[str]]:
    """The exit status of `dvc status`, and the names of the stages that it calls changed, without `code`."""
    done = subprocess.run(_dvc("status", "--json"), stdout=subprocess.PIPE, text=True, env=_environment())
    return done.returncode, set(json.loads(done.stdout or "{}")) - {OWN}


def repro(arguments: list[str]) -> int:
    """The exit status of `dvc repro`; 130 if it was stopped by Ctrl-C."""
    process = subprocess.Popen(_dvc("repro", *arguments), env=_environment())
    interrupted = False
    while process.poll() is None:
        try:
            process.wait()
        except KeyboardInterrupt:  # DVC and its stage have got it too, and end by themselves
            interrupted = True
    if interrupted:
        print("camseg: interrupted. The same command goes on from there", file=sys.stderr)
    return INTERRUPTED if interrupted else process.returncode


def _dvc(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "dvc", *arguments]


def _environment() -> dict[str, str]:
    """With the folder of this Python first: stages start `python` from the PATH."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return {**os.environ, "PATH": path}
