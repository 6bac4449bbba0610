"""`camseg plan`: what a run will do, in words; `--minutes` fits the working size to the time."""

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from joblib import cpu_count

from pipeline import paths
from pipeline.base.files import read_json
from pipeline.commands.estimate import estimate_seconds
from pipeline.commands.fitted_values import largest_side
from pipeline.commands.folder import inspect_source
from pipeline.commands.overview import image_sizes
from pipeline.commands.params_file import PARAMS_FILE, update_params, with_values
from pipeline.commands.parser import add_command
from pipeline.commands.tables import duration
from pipeline.data.manifest import Manifest, read_manifest
from pipeline.errors import UserError
from pipeline.params import FULL, Params, load_params
from pipeline.workflows.object_size import count_unlabelled, how_objects_are_sized

STEP = 32  # pixels between working sizes
SMALLEST = 64  # pixels
ESTIMATED_CORES = 2  # that `estimate_seconds` counts on

EXAMPLES = """
Before the classifier is trained, the plan is what params.yaml, the images and their labels say. Afterwards it
also says what camseg found out about the objects. The minutes are estimates for the CPU cores of this machine
and small encoders; they may be wrong by a factor of 2, and a GPU is many times faster.

examples:
  camseg plan
  camseg plan --minutes 60     # the largest data.long_side whose run takes an hour, written to params.yaml
"""


def add_parser(commands: Any) -> None:
    parser = add_command(commands, "plan", run, "say what a run will do and how long it takes", EXAMPLES)
    minutes = "set data.long_side to the largest working size whose run takes at most so long"
    parser.add_argument("--minutes", type=float, metavar="N", help=minutes)


def run(arguments: argparse.Namespace) -> int:
    """Print the plan; with `--minutes` change params.yaml before."""
    params = load_params()
    manifest = planned_manifest(params)
    if arguments.minutes is not None:
        values = values_within(manifest, params, 60 * arguments.minutes)
        for key, (old, new) in update_params(PARAMS_FILE, values).items():
            print(f"{key}: {old} -> {new}")
        params = load_params()
    print(describe_plan(manifest, params))
    return 0


def planned_manifest(params: Params) -> Manifest:
    """The data as `prepare` wrote them, else as it would read them.

    Raises:
        UserError: the data have errors, or are not rendered yet.
    """
    if paths.PREPARED.is_dir():
        return read_manifest(paths.PREPARED)
    if params.data.source == "scenes":
        raise UserError(f"{paths.PREPARED}: the scenes are not rendered yet. Run `camseg run prepare`")
    _, inspection = inspect_source(Path(params.data.path), params, params.data.source)
    if inspection.manifest is None:
        errors = len(inspection.errors)
        raise UserError(
            f"{params.data.path}: {errors} error(s). `camseg check {params.data.path}` lists them"
        )
    return inspection.manifest


def seconds_here(manifest: Manifest, params: Params) -> dict[str, float]:
    """Seconds of each step on the CPU cores of this machine, roughly."""
    factor = ESTIMATED_CORES / cpu_count()
    return {step: factor * seconds for step, seconds in estimate_seconds(manifest, params).items()}


def values_within(manifest: Manifest, params: Params, seconds: float) -> dict[str, object]:
    """`data.long_side`, and `data.max_side` if it grows with it, of the largest run within `seconds`.

    A working size above the median long side of the images would only enlarge them.

    Raises:
        UserError: even the smallest working size takes longer.
    """
    _, median, _ = image_sizes(manifest)["long side"]
    fitting, most = None, round(median / params.data.tiles / STEP) * STEP
    for side in range(SMALLEST, max(SMALLEST, most) + 1, STEP):
        largest = max(params.data.max_side, largest_side(side, params))
        values: dict[str, object] = {"data.long_side": side, "data.max_side": largest}
        needed = sum(seconds_here(manifest, with_values(params, values)).values())
        if needed > seconds:
            break
        fitting = values
    if fitting is None:
        raise UserError(
            f"--minutes {seconds / 60:g}: expected time for a working size of {SMALLEST} pixels, which takes "
            f"{duration(needed)}. Fewer steps or models take less: classifier.training.steps, "
            "segmentation.training.steps, `camseg use --quality fast`"
        )
    return fitting


def describe_plan(manifest: Manifest, params: Params) -> str:
    """A line for each part of a run."""
    lines = list(plan_lines(manifest, params))
    width = max(len(part) for part, _ in lines)
    return "\n".join(f"{part:{width}}  {text}" for part, text in lines)


def plan_lines(manifest: Manifest, params: Params) -> Iterable[tuple[str, str]]:
    """The parts of a run and what each will do."""
    train, side, section = manifest.split("train"), params.working_side(), params.segmentation
    _, median, _ = image_sizes(manifest)["long side"]
    heat = params.heatmaps
    share = params.data.held_out
    held = f", {share:.0%} of them held out (data.held_out)" if share else ""
    yield "images", f"{len(train)} to learn from, {count_unlabelled(manifest)} of them without a label{held}"
    yield "size", f"{side} pixels at the long side; the images have {median} (median)"
    yield "classifier", f"{params.classifier.encoder}, {params.classifier.training.steps} steps"
    sides = ", ".join(str(round(scale * side)) for scale in heat.scales)
    walk = "" if heat.walk.restart == 1 else ", spread over parts that look alike"
    walk += "".join(f", also to {encoder}" for encoder, _ in heat.walk.encoders())
    yield "heatmaps", f"{', '.join(heat.methods)} at {sides} pixels{walk}"
    found = None if heat.objects == "large" else what_was_found(paths.HEATMAPS / heat.methods[0])
    yield "objects", found or how_objects_are_sized(manifest, heat.objects)
    masking, taken = params.pseudo_masks, what_was_taken(heat.methods[0])
    yield "masks", f"threshold: {masking.threshold}, refined by: {masking.refine}{taken}"
    masked = any(sample.mask for sample in train)
    models = [name for name in section.supervision if masked or name != FULL]
    yield "models", f"{', '.join(models)}: {section.architecture}, {section.training.steps} steps each"
    seconds = seconds_here(manifest, params)
    yield "time", f"about {duration(sum(seconds.values()))} on {cpu_count()} CPU core(s) without a GPU"
    yield from ((f"  {step}", duration(part)) for step, part in seconds.items() if part >= 1)


def what_was_taken(masks: str) -> str:
    """Threshold and refiner of the masks that are there, in words; empty before they are made."""
    file = paths.REPORTS / "pseudo_masks" / masks / "metrics.json"
    if not file.exists():
        return ""
    metrics = read_json(file)
    threshold = metrics["threshold"]
    at = "" if threshold is None else f"{threshold:.2f} and "
    return f"; the last run took {at}{metrics['refine']}"


def what_was_found(heatmaps: Path) -> str | None:
    """What the cells of the classifier say about the size of the objects; None before they were measured."""
    from pipeline.heatmaps.evidence import read_evidence  # here, since it loads torch

    evidence = read_evidence(heatmaps)
    if evidence is None:
        return None
    if not evidence.small:
        return "large, by what the classifier showed: Otsu's threshold, or that of much steeper outlines"
    area, low, high = (
        f"{100 * share:.1f}" for share in (evidence.area, evidence.area_low, evidence.area_high)
    )
    return (
        f"small: {area} % ({low} to {high}) of the cells of images with labels look unlike those of "
        "images without them"
    )
