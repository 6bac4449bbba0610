"""Variants of the pipeline against each other: scores, weak / full, minutes, over seeds.

    python -m benchmarks.accuracy --data scenes --variant "long: classifier.training.steps=1000" --seeds 3
    python -m benchmarks.accuracy --data ../photos --weights ../encoder.safetensors --choose --seeds 1

Each variant is a copy of the project under .work/accuracy, in which `dvc repro` runs. All copies share one
DVC cache: a stage that two variants have in common runs once, and a bench that was interrupted goes on. The
first variant, `shipped`, is params.yaml as it is (for a folder: as `camseg use` sets it up).

With --choose nothing is scored on the real `val` split: scenes are rendered from other seeds, and of a folder
every fifth scored training image becomes `val` while the real `val` images are set aside. Choose there, and
confirm without it.
"""

import argparse
import csv
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from pipeline.base.files import write_json, write_text
from pipeline.commands.params_file import update_params
from pipeline.params import method_of

ROOT = Path(__file__).parent.parent
WORK = ROOT / ".work" / "accuracy"
OTHER_SEEDS = 1000  # scenes that are for choosing start at this seed
CHOOSING = 5  # one of so many scored training images is for choosing
QUICK: dict[str, object] = {"diagnose.images": 0, "report.images": 0}  # they change no score

Values = dict[str, object]


@dataclass(frozen=True)
class Variant:
    """A name and what it changes in params.yaml, by dotted key."""

    name: str
    values: Values


@dataclass(frozen=True)
class Outcome:
    """One run: the scores of its summary, None where there is none, and its minutes."""

    variant: str
    seed: int
    scores: dict[str, float | None]


def main() -> None:
    """Run all variants, print a table, write it as Markdown and JSON."""
    given = parse()
    shared = dict(assignment(text) for text in given.set)
    variants = [Variant("shipped", {}), *(named(text) for text in given.variant)]
    data = given.data if given.data == "scenes" else str(Path(given.data).resolve())
    root = WORK / (("choose-" if given.choose else "") + Path(data).name)
    if given.choose and data != "scenes":
        data = str(choosing_copy(Path(data), root / "data"))
    outcomes = []
    for number in range(given.seeds):
        seed = number + (OTHER_SEEDS if given.choose and data == "scenes" else 0)
        for variant in variants:
            print(f"== {variant.name}, seed {seed}", flush=True)
            values = {**QUICK, **shared, **variant.values, "seed": seed}
            project = prepare(root / f"{variant.name}-{seed}", root / "cache", data, given.weights, values)
            outcomes.append(Outcome(variant.name, seed, run(project)))
            table = markdown(outcomes)
            write_text(root / "table.md", table)
            write_json(root / "outcomes.json", [vars(outcome) for outcome in outcomes])
    print(f"\n{table}\nwritten: {root / 'table.md'}, {root / 'outcomes.json'}")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "benchmarks.accuracy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="scenes", metavar="PATH", help="scenes, or a folder (camseg check)")
    parser.add_argument("--weights", default="imagenet", metavar="W", help="of a folder, see camseg use")
    parser.add_argument(
        "--variant", action="append", default=[], metavar="'NAME: key=value ...'", help="may be repeated"
    )
    parser.add_argument("--set", nargs="+", default=[], metavar="key=value", help="for all variants")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 0 to N - 1 (default: 1)")
    parser.add_argument("--choose", action="store_true", help="score on a part of the training images")
    return parser.parse_args()


def named(text: str) -> Variant:
    """`NAME: key=value key=value` as a variant."""
    name, _, values = text.partition(":")
    if not re.fullmatch(r"[\w.+-]+", name):
        raise SystemExit(f"--variant: expected 'NAME: key=value ...', got {text!r}")
    return Variant(name, dict(assignment(part) for part in values.split()))


def assignment(text: str) -> tuple[str, object]:
    """`key=value`, the value read as YAML."""
    key, equals, value = text.partition("=")
    if not equals:
        raise SystemExit(f"expected key=value, got {text!r}")
    return key, YAML(typ="safe").load(value)


def choosing_copy(folder: Path, target: Path) -> Path:
    """`folder` with a part of its scored training images as `val`; the real `val` images are left out."""
    if not target.exists():
        shutil.copytree(folder, target, copy_function=link_or_copy)
    with (folder / "labels.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    scored = [row for row in rows if row.get("split") == "train" and row.get("score", "1") == "1"]
    for row in rows:
        if row.get("split") == "val":
            row["split"] = "test"
    for row in scored[::CHOOSING]:
        row["split"] = "val"
    (target / "labels.csv").unlink()  # first: it may be a link to the original
    with (target / "labels.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return target


def link_or_copy(source: str, target: str) -> None:
    """A hard link, or a copy where source and target lie on different disks."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def prepare(project: Path, cache: Path, data: str, weights: str, values: Mapping[str, object]) -> Path:
    """A copy of the project for one run; what an earlier run left there stays."""
    (project / ".dvc").mkdir(parents=True, exist_ok=True)
    for name in ("dvc.yaml", "params.yaml", ".dvc/config", ".dvcignore"):
        shutil.copy(ROOT / name, project / name)
    shutil.rmtree(project / "pipeline", ignore_errors=True)
    shutil.copytree(ROOT / "pipeline", project / "pipeline", ignore=shutil.ignore_patterns("__pycache__"))
    for folder in ("data/raw", "data/corrections"):
        (project / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / folder / "README.md", project / folder)
    (project / ".dvc/config.local").write_text(
        f"[core]\n    no_scm = true\n[cache]\n    dir = {cache}\n    type = hardlink,copy\n"
    )
    if data != "scenes":
        call(project, sys.executable, "-m", "pipeline", "use", data, "--weights", weights)
    update_params(project / "params.yaml", dict(values))
    return project


def run(project: Path) -> dict[str, float | None]:
    """`dvc repro` in `project`; its scores and minutes."""
    call(project, "dvc", "repro")
    summary = json.loads((project / "reports/summary.json").read_text())
    models = {name: found["miou"] for name, found in summary["segmentation"].items()}
    lead = next((s for s in summary["supervision"] if s != "full"), next(iter(summary["heatmaps"])))
    heat, masks = summary["heatmaps"][method_of(lead)], summary["pseudo_masks"][lead]
    return {
        "mAP": summary["classifier"]["map"],
        "heatmaps, best": heat["miou_best"],
        "heatmaps, chosen": heat["miou_chosen"],
        "pseudo-masks": masks["miou"],
        "precision": masks["precision"],
        "coverage": masks["coverage"],
        "weak": models.get(lead),
        "full": models.get("full"),
        "weak / full": summary["weak_to_full"],
        "minutes": seconds(project) / 60,
    }


def seconds(project: Path) -> float:
    """Seconds of all stages; of those that were taken from the cache, where they ran."""
    total = 0.0
    for stage, entry in stages(project).items():
        for other in (project, *sorted(project.parent.glob("*-*"))):
            file = other / "reports" / "seconds" / f"{stage}.json"
            if file.exists() and stages(other).get(stage) == entry:
                total += json.loads(file.read_text())["seconds"]
                break
    return total


def stages(project: Path) -> dict[str, Any]:
    """What dvc.lock says of each stage."""
    lock: dict[str, Any] = YAML(typ="safe").load(project / "dvc.lock")["stages"]
    return lock


def call(project: Path, *command: str) -> None:
    """Run a command in `project`; its output goes to `log.txt` there."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    with (project / "log.txt").open("a") as log:
        done = subprocess.run(
            command, cwd=project, env={**os.environ, "PATH": path}, stdout=log, stderr=subprocess.STDOUT
        )
    if done.returncode:
        raise SystemExit(f"{' '.join(command)}: failed, see {project / 'log.txt'}")


def markdown(outcomes: Sequence[Outcome]) -> str:
    """One row per variant: the mean over its seeds, and the spread where there are several."""
    names = list(outcomes[0].scores)
    lines = ["| " + " | ".join(["variant", "seeds", *names]) + " |", "|---" * (len(names) + 2) + "|"]
    for variant in dict.fromkeys(outcome.variant for outcome in outcomes):
        own = [outcome.scores for outcome in outcomes if outcome.variant == variant]
        cells = [cell([scores[name] for scores in own], name) for name in names]
        lines.append("| " + " | ".join([variant, str(len(own)), *cells]) + " |")
    return "\n".join(lines) + "\n"


def cell(values: Sequence[float | None], name: str) -> str:
    """Mean and standard deviation; a dash where a value is missing."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return "–"  # noqa: RUF001
    digits = 1 if name == "minutes" else 3
    mean = f"{statistics.mean(known):.{digits}f}"
    return mean if len(known) < 2 else f"{mean} ± {statistics.stdev(known):.{digits}f}"


if __name__ == "__main__":
    main()
