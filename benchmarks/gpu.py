"""One run on a GPU: the speed of each stage against bare loops, and what only a GPU can show to be right.

    python -m benchmarks.gpu --data ../animals --weights ../mobilenet_v2.safetensors [--minutes 8]
    python -m benchmarks.gpu --device cpu --set scenes.train=24 scenes.val=8 ...

The stages run in a project of their own, .work/gpu/project, without DVC. Each has its images per second, the
share of a bare loop of the same network, batch and device, how busy the GPU was and its memory. The start
and the end of a stage count, but for trainings: the seconds of one of a few steps are taken away from theirs.
`diagnose`, `report` and the model of true masks are not run.

Three checks follow: a training that was killed goes on to the same bytes; one in two shards gives the same
bytes twice; where the memory of the GPU is full, the stage gives advice. What the minutes have no room for is
named; a bare loop that has begun is not cut short. Writes .work/gpu/gpu.json. Ends with 1 if a stage or a
check failed.
"""

import argparse
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import chdir
from dataclasses import asdict, dataclass
from pathlib import Path

import torch

from benchmarks.gpu_bare import bare_classifier, bare_maps, bare_prediction, bare_segmentation
from benchmarks.gpu_checks import CHECKS, FAILED, METHOD, Budget, OutOfTime, StageFailed, run_stage
from benchmarks.gpu_usage import Usage, watched
from benchmarks.projects import ROOT, SCENES, prepare, with_absolute_paths
from benchmarks.variants import assignment
from pipeline import paths
from pipeline.base.files import read_json, write_json
from pipeline.commands.params_file import update_params
from pipeline.data.manifest import read_manifest
from pipeline.engine.device import device_name, pick_device
from pipeline.params import Params, load_params

WORK = ROOT / ".work" / "gpu"
SHORT = 4  # steps of the trainings whose seconds are start and end
TRAININGS = {"train_classifier": "classifier", "train_segmentation": "segmentation"}  # sections of the params
STAGES = (
    ("prepare",),
    ("train_classifier",),
    ("make_heatmaps",),
    ("make_pseudo_masks", METHOD),
    ("train_segmentation", METHOD),
    ("evaluate", METHOD),
)
COLUMNS = ("stage", "images", "seconds", "images/s", "bare/s", "share", "GPU busy", "MiB")
NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Row:
    """One stage."""

    stage: str
    images: int  # of a training: its examples
    seconds: float  # of the whole stage
    speed: float  # images per second
    bare: float | None  # of the bare loop; None: the stage has no network
    usage: Usage | None


@dataclass(frozen=True)
class Findings:
    """What a run gave."""

    rows: list[Row]
    checks: dict[str, str]  # a stage that failed is one too
    left_out: list[str]  # for want of time


def main() -> None:
    """Run what the minutes have room for, print it and write it."""
    given = parse()
    os.environ["CAMSEG_DEVICE"] = given.device
    budget, about = Budget(time.monotonic() + 60 * given.minutes), described()
    print(", ".join(about.values()), flush=True)
    project = new_project(given)
    with chdir(project):
        found = findings(budget)
    write_json(WORK / "gpu.json", {**about, **asdict(found)})
    print(table(found.rows))
    print(f"all stages: {sum(row.seconds for row in found.rows):.0f} s")
    print("\n".join(f"{title}: {result}" for title, result in found.checks.items()))
    print(f"left out for want of time: {', '.join(found.left_out) or 'nothing'}\n{WORK / 'gpu.json'}")
    if any(result.startswith(FAILED) for result in found.checks.values()):
        raise SystemExit(1)


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser("benchmarks.gpu", description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=SCENES, help="a folder of images (default: rendered scenes)")
    parser.add_argument("--weights", default="none", help="of the encoder of a folder: `camseg use --help`")
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--minutes", type=float, default=8)
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="values of params.yaml")
    return parser.parse_args()


def described() -> dict[str, str]:
    """Device, precision, torch and commit, in words."""
    device = pick_device()
    name = (
        torch.cuda.get_device_name(device) if device.type == "cuda" else f"{torch.get_num_threads()} threads"
    )
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True)
    return {
        "device": name,
        "precision": device_name(device),
        "torch": f"torch {torch.__version__}",
        "commit": f"commit {commit.stdout.strip() or 'unknown'}",
    }


def new_project(given: argparse.Namespace) -> Path:
    """A project in which nothing has run."""
    shutil.rmtree(WORK, ignore_errors=True)
    methods: dict[str, object] = {"segmentation.supervision": [METHOD], "heatmaps.methods": [METHOD]}
    options = with_absolute_paths(["--weights", given.weights])
    data = given.data if given.data == SCENES else str(Path(given.data).resolve())
    return prepare(
        WORK / "project", WORK / "cache", data, options, methods | dict(map(assignment, given.set))
    )


def findings(budget: Budget) -> Findings:
    """Measure the stages and make the checks, one after the other."""
    found = Findings([], {}, [])
    for stage in STAGES:
        attempt("@".join(stage), found, lambda stage=stage: found.rows.append(measured(stage, budget)))
    for title, check in CHECKS.items():
        attempt(title, found, lambda t=title, c=check: found.checks.update({t: c(budget)}))
    return found


def attempt(title: str, found: Findings, part: Callable[[], None]) -> None:
    """Do a part; one that fails or has no time does not stop the others."""
    print(f"{title} ...", flush=True)
    try:
        part()
    except OutOfTime:
        found.left_out.append(title)
    except StageFailed as error:
        found.checks[title] = f"{FAILED}: {error}"


def measured(stage: Sequence[str], budget: Budget) -> Row:
    """Run a stage, then the bare loop of its network."""
    name, params, section = "@".join(stage), load_params(), TRAININGS.get(stage[0])
    around = start_and_end(stage, params, budget) if section else 0.0
    with watched() as watch:
        run_stage(stage, budget)
    seconds, images = seconds_of(name), image_count(stage[0], params)
    loop = BARE.get(stage[0])
    bare = loop(params) if loop and budget.left() else None
    torch.cuda.empty_cache()
    return Row(name, images, seconds, images / max(seconds - around, 0.1), bare, watch.usage)


BARE: dict[str, Callable[[Params], float]] = {
    "train_classifier": bare_classifier,
    "make_heatmaps": bare_maps,
    "train_segmentation": bare_segmentation,
    "evaluate": lambda params: bare_prediction(params, METHOD),
}


def start_and_end(stage: Sequence[str], params: Params, budget: Budget) -> float:
    """Seconds of a training of `SHORT` steps."""
    section, file = TRAININGS[stage[0]], Path("params.yaml")
    key, steps = f"{section}.training.steps", getattr(params, section).training.steps
    warmup = key.replace("steps", "warmup_steps")
    before = {key: steps, warmup: getattr(params, section).training.warmup_steps}
    update_params(file, {key: SHORT, warmup: 1})
    try:
        run_stage(stage, budget)
    finally:
        update_params(file, before)
    return seconds_of("@".join(stage))


def seconds_of(name: str) -> float:
    """Seconds that a stage took when it ran last."""
    return float(read_json(paths.SECONDS / f"{name}.json")["seconds"])


def image_count(stage: str, params: Params) -> int:
    """Images of a stage that has run; of a training the examples by which it is longer than a short one."""
    if section := TRAININGS.get(stage):
        training = getattr(params, section).training
        return (int(training.steps) - SHORT) * int(training.batch_size)
    manifest = read_manifest(paths.PREPARED)
    if stage == "prepare":
        return len(manifest.samples)
    if stage == "evaluate":
        return len(manifest.split(params.evaluation.split))
    return sum(1 for sample in manifest.split("train") if sample.labels)


def table(rows: Sequence[Row]) -> str:
    """The stages as lines of Markdown."""
    lines = ["| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(cells(row)) + " |" for row in rows)])


def cells(row: Row) -> list[str]:
    """A row in words; what has no network has no bare loop."""
    bare = ("", "") if row.bare is None else (f"{row.bare:.1f}", f"{row.speed / row.bare:.2f}")
    usage = row.usage
    used = (NOT_MEASURED, NOT_MEASURED) if usage is None else (f"{usage.busy:.0%}", str(usage.memory))
    return [row.stage, str(row.images), f"{row.seconds:.1f}", f"{row.speed:.1f}", *bare, *used]


if __name__ == "__main__":
    main()
