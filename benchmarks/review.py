"""What decisions on the review page are worth: val mIoU after so many, and after drawing for as long.

    python -m benchmarks.review ../my-project --counts 100 300 --seeds 3

PROJECT has run up to `make_pseudo_masks`; nothing in it changes. Ground-truth masks play the person, who
takes the masks in the order of `camseg export`: one with an IoU above 0.8 is accepted, one below 0.5 is
rejected, others are passed over. A decision takes 2 seconds, a drawn mask 45: beside each number of
decisions, as many masks as take that time are drawn, the first ones of the same order. The IoU of a mask is
the mean over the classes of the image, without the background.

Each run is a copy of the project under .work/review. The classifier and the heatmaps stay; a seed decides the
training of the segmentation model alone. A bench that was interrupted goes on.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import chdir
from pathlib import Path

import numpy as np

from benchmarks.corrections import by_doubt, correct
from benchmarks.projects import ROOT
from benchmarks.tables import Outcome, markdown
from pipeline import paths
from pipeline.base.files import read_json, write_json, write_text
from pipeline.commands.params_file import update_params
from pipeline.data.corrections.store import store_corrections
from pipeline.data.decisions import Decision, DecisionKind, label_text, write_decisions
from pipeline.data.images import Mask
from pipeline.data.manifest import Manifest, read_manifest
from pipeline.data.mask_store import load_mask, mask_png_of
from pipeline.evaluation.confusion import confusion_matrix, label_ious
from pipeline.params import default_method, load_params

WORK = ROOT / ".work" / "review"
ACCEPTED, REJECTED = 0.8, 0.5  # above, below
DECIDING, DRAWING = 2, 45  # seconds for an image
LEFT_OUT = shutil.ignore_patterns("pipeline", ".dvc", ".work", "models", "predictions")

Judged = Mapping[str, DecisionKind]


def main() -> None:
    """Run all numbers, print a table, write it as Markdown and JSON."""
    given = parse()
    source, root, outcomes = given.project.resolve(), WORK / given.project.resolve().name, list[Outcome]()
    params, manifest = load_params(source / "params.yaml"), read_manifest(source / paths.PREPARED)
    method = default_method(params.heatmaps.methods, params.segmentation.supervision)
    with chdir(source):
        judged = judge(manifest, paths.MASKS / method)
    base = copy(source, root / "none-0")
    order = [name for name in by_doubt(base, manifest) if name in judged]
    for seed in range(given.seeds):
        for count in (0, *given.counts):
            names, drawn = order[:count], order[: round(count * DECIDING / DRAWING)]
            project = copy(source, root / f"decisions-{count}-{seed}")
            kinds = decide(project, manifest, method, {name: judged[name] for name in names})
            outcomes.append(score(project, f"{count} decisions{kinds}", method, seed))
            if count:
                project = copy(source, root / f"drawn-{len(drawn)}-{seed}")
                correct(project, source, manifest.classes, drawn)
                outcomes.append(score(project, f"{len(drawn)} drawn", method, seed))
            write_text(root / "table.md", markdown(outcomes))
            write_json(root / "outcomes.json", [vars(outcome) for outcome in outcomes])
    print(f"\n{markdown(outcomes)}\nwritten: {root / 'table.md'}, {root / 'outcomes.json'}")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "benchmarks.review", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("project", type=Path, metavar="PROJECT", help="with heatmaps and pseudo-masks")
    parser.add_argument("--counts", type=int, nargs="+", default=[100, 300], metavar="N", help="decisions")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 0 to N - 1 (default: 1)")
    return parser.parse_args()


def copy(source: Path, target: Path) -> Path:
    """A copy of a project with its classifier, without other models and without decisions and corrections."""
    if not target.exists():
        shutil.copytree(source, target, ignore=LEFT_OUT, symlinks=True)
        shutil.copytree(source / paths.CLASSIFIER, target / paths.CLASSIFIER)
    for folder in (paths.CORRECTIONS, paths.REVIEW):
        shutil.rmtree(target / folder, ignore_errors=True)
        (target / folder).mkdir(parents=True)
    return target


def judge(manifest: Manifest, masks: Path) -> dict[str, DecisionKind | None]:
    """What a person who knows the ground truth says of each mask; None: it is passed over."""
    result: dict[str, DecisionKind | None] = {}
    for sample in manifest.split("train"):
        if sample.score:
            truth, mask = load_mask(paths.GROUND_TRUTH, sample), load_mask(masks, sample)
            iou = object_iou(truth, mask, len(manifest.classes) + 1)
            result[sample.name] = "accepted" if iou > ACCEPTED else "rejected" if iou < REJECTED else None
    return result


def object_iou(truth: Mask, mask: Mask, labels: int) -> float:
    """The mean IoU over the classes in either mask, without the background; 1 where there is none."""
    ious = label_ious(confusion_matrix(truth, np.where(mask == 255, 0, mask), labels))[1:]
    known = ious[~np.isnan(ious)]
    return float(known.mean()) if known.size else 1.0


def decide(project: Path, manifest: Manifest, method: str, judged: Mapping[str, DecisionKind | None]) -> str:
    """Write the decisions and accepted masks of a copy; how many there are, for the table."""
    samples = {sample.name: sample for sample in manifest.samples}
    kinds = {name: kind for name, kind in judged.items() if kind}
    accepted = [name for name, kind in kinds.items() if kind == "accepted"]
    if accepted:
        pngs = {name: mask_png_of(project / paths.MASKS / method, samples[name]) for name in accepted}
        store_corrections(project / paths.CORRECTIONS, pngs, manifest.classes)
    decisions = {n: Decision(n, kind, label_text(samples[n], manifest.classes)) for n, kind in kinds.items()}
    write_decisions(project / paths.DECISIONS, decisions)
    return f" ({len(accepted)} accepted, {len(kinds) - len(accepted)} rejected)" if judged else ""


def score(project: Path, name: str, method: str, seed: int) -> Outcome:
    """Train and evaluate a copy, unless it has been; the score of its `val` images."""
    metrics = project / paths.REPORTS / "evaluation" / method / "metrics.json"
    if not (project / "done").exists():
        print(f"== {name}, seed {seed}", flush=True)
        stage(project, "prepare")  # with the seed of the project, which may choose the `val` images
        update_params(project / "params.yaml", {"seed": seed})
        for step in ("make_pseudo_masks", "train_segmentation", "evaluate"):
            stage(project, step, method)
        write_text(project / "done", "")
    return Outcome(name, seed, {"val mIoU": read_json(metrics)["miou"]})


def stage(project: Path, *arguments: str) -> None:
    """Run a stage without DVC, with this code; its output goes to `log.txt` of the copy."""
    module, *rest = arguments
    command: Sequence[str] = (sys.executable, "-m", f"pipeline.stages.{module}", *rest)
    with (project / "log.txt").open("a") as log:
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        subprocess.run(command, cwd=project, env=environment, stdout=log, stderr=log, check=True)


if __name__ == "__main__":
    main()
