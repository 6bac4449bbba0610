"""Kills a small run at random moments, or fills its disk in each stage: the outputs stay the same bytes.

    python -m benchmarks.interruptions kills [--kills 100] [--seed 0] [--processes 1 2] [--longest 25]
    python -m benchmarks.interruptions full-disk [--processes 2]

`kills` starts `dvc repro`, kills it with all its processes after a random time, and starts it again, each
time with one of the given numbers of processes. When it is done, its outputs are compared with those of a
run by one process, and everything is removed. `full-disk` runs each stage on a disk that has room for a part
of what the stage writes; then it makes room and runs the stage again. The disk is a tmpfs, so it needs root.
Both end with 1 if a byte differs.
"""

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.end_to_end.project import file_bytes, finish, make_project, run_stage, start, without_git

# Small, but with several blocks, shards and checkpoints, so that an interrupted stage has something to keep.
VALUES: dict[str, object] = {
    "scenes.train": 40,
    "scenes.val": 32,
    "classifier.training.steps": 20,
    "classifier.training.checkpoint_steps": 3,
    "classifier.training.batch_size": 4,
    "classifier.training.shards": 2,
    "segmentation.training.steps": 20,
    "segmentation.training.checkpoint_steps": 3,
    "segmentation.training.batch_size": 4,
    "segmentation.training.shards": 2,
    "segmentation.supervision": ["cam-round1", "cam", "full"],
    "self_training.rounds": {"cam-round1": "cam"},
    "heatmaps.methods": ["cam", "gradcampp"],
    "heatmaps.scales": [1.0, 1.5],
    "evaluation.scales": [1.0, 1.5],
}
BLOCK = 8  # images
OUTPUTS = ("data", "models", "reports")
# When and how long: these are no outputs of stages.
UNEQUAL = "reports/seconds", "reports/run.html", "reports/runs.json"
SILENT: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
SHORTEST = 1.0  # seconds before a kill
STAGES = (
    "prepare",
    "train_classifier",
    "make_heatmaps",
    "diagnose",
    "make_pseudo_masks cam",
    "make_pseudo_masks gradcampp",
    "train_segmentation cam",
    "self_train cam-round1",
    "train_segmentation cam-round1",
    "train_segmentation full",
    "evaluate cam",
    "evaluate cam-round1",
    "evaluate full",
    "report",
)
PARTS = (0.0, 0.3, 0.9)  # of what a stage writes, for which the disk has room
DISK = 2_000_000_000  # bytes


def main() -> None:
    """Run one of the two, and end with 1 if it shows a difference."""
    parser = argparse.ArgumentParser("benchmarks.interruptions", description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    kills = commands.add_parser("kills", help="kill the run at random moments")
    kills.add_argument("--kills", type=int, default=100)
    kills.add_argument("--seed", type=int, default=0)
    kills.add_argument(
        "--processes", type=int, nargs="+", default=[1], help="of a stage; each start draws one"
    )
    kills.add_argument("--longest", type=float, default=25.0, help="seconds before a kill")
    full = commands.add_parser("full-disk", help="fill the disk in each stage")
    full.add_argument("--processes", type=int, default=1, help="of a stage that finds the disk full")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        same = kill(Path(name), given) if given.command == "kills" else fill(Path(name), given.processes)
    sys.exit(0 if same else 1)


def kill(folder: Path, given: argparse.Namespace) -> bool:
    """Whether all runs that were killed end with the bytes of one that was not."""
    project, draws = small_project(folder / "project"), random.Random(given.seed)
    repro(project)
    expected, killed, runs, same = outputs(project), 0, 0, True
    clear(project)
    while killed < given.kills:
        process = start(project, "dvc", "repro", processes=draws.choice(given.processes), **SILENT)
        try:
            process.wait(draws.uniform(SHORTEST, given.longest))
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            killed += 1
            continue
        if process.returncode:
            print(f"after {killed} kills: dvc repro ended with {process.returncode}", flush=True)
            repro(project)
        runs, same = runs + 1, compare(expected, outputs(project), f"after {killed} kills") and same
        clear(project)
    repro(project)
    same = compare(expected, outputs(project), f"after {killed} kills") and same
    print(f"{killed} kills, {runs + 1} runs: {'the same bytes' if same else 'DIFFERENT BYTES'}")
    return same


def fill(folder: Path, processes: int) -> bool:
    """Whether every stage that finds the disk full says so in a line, and goes on when there is room.

    Stages on the full disk run in `processes`, all others in one.
    """
    same = True
    with small_disk(folder / "disk") as disk:
        project = small_project(disk / "project")
        for stage in STAGES:
            name, *arguments = stage.split()
            before = shutil.copytree(project, folder / "before", symlinks=True)
            used = taken(disk)
            assert run_stage(project, name, *arguments).returncode == 0, stage
            need, expected = taken(disk) - used, outputs(project)
            for part in PARTS:
                shutil.rmtree(project)
                shutil.copytree(before, project, symlinks=True)
                with ballast(disk, room=int(part * need)):
                    full = run_stage(project, name, *arguments, processes=processes)
                lines = full.stderr.strip().splitlines()
                said = any("disk is full" in line for line in lines) and "Traceback" not in full.stderr
                again = run_stage(project, name, *arguments)
                alike = again.returncode == 0 and compare(expected, outputs(project), stage)
                if full.returncode == 0:
                    result = "had room"
                elif said and alike:
                    result = "says so, and goes on"
                else:
                    result, same = f"WRONG: {lines[-3:]} then {again.stderr[-300:]}", False
                print(f"{stage:30} room for {part:.0%} of {need / 1e6:6.2f} MB: {result}", flush=True)
            shutil.rmtree(before)
    return same


def small_project(path: Path) -> Path:
    """A project whose stages work in blocks of a few images."""
    project = make_project(path, VALUES)
    mapping = project / "pipeline" / "engine" / "mapping.py"
    mapping.write_text(mapping.read_text().replace("BLOCK = 256 ", f"BLOCK = {BLOCK} "))
    without_git(project)
    return project


def repro(project: Path) -> None:
    """Run the pipeline to its end."""
    done = finish(start(project, "dvc", "repro"))
    if done.returncode:
        raise SystemExit(f"dvc repro ended with {done.returncode}:\n{done.stderr[-3000:]}")


def outputs(project: Path) -> dict[str, bytes]:
    """All outputs by their path, without those that hold seconds."""
    files = file_bytes(project, *OUTPUTS)
    return {name: content for name, content in files.items() if not name.startswith(UNEQUAL)}


def clear(project: Path) -> None:
    """Remove all that a run has made, DVC's cache included."""
    for name in ("models", "reports", ".work", ".dvc/cache", ".dvc/tmp"):
        shutil.rmtree(project / name, ignore_errors=True)
    for name in ("prepared", "heatmaps", "masks", "predictions", "attention"):
        shutil.rmtree(project / "data" / name, ignore_errors=True)
    (project / "dvc.lock").unlink(missing_ok=True)


def compare(expected: dict[str, bytes], got: dict[str, bytes], when: str) -> bool:
    """Whether both hold the same files; prints what differs."""
    names = expected.keys() | got.keys()
    different = sorted(name for name in names if expected.get(name) != got.get(name))
    if different:
        print(f"{when}: {len(different)} file(s) differ: {', '.join(different[:10])}", flush=True)
    return not different


@contextmanager
def small_disk(path: Path) -> Iterator[Path]:
    """A disk of its own, mounted at `path`."""
    path.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK}", "none", str(path)], check=True)
    try:
        yield path
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


@contextmanager
def ballast(disk: Path, room: int) -> Iterator[None]:
    """Fill the disk but for `room` bytes."""
    file = disk / "ballast"
    with file.open("wb") as content:
        os.posix_fallocate(content.fileno(), 0, shutil.disk_usage(disk).free - room)
    try:
        yield
    finally:
        file.unlink()


def taken(disk: Path) -> int:
    """Bytes of the disk that are in use."""
    return shutil.disk_usage(disk).used


if __name__ == "__main__":
    main()
