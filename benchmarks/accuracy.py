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
import os
import shutil
from pathlib import Path

from benchmarks.projects import QUICK, ROOT, SCENES, prepare, with_absolute_paths
from benchmarks.scores import run
from benchmarks.tables import Outcome, markdown
from benchmarks.variants import assignment, with_shipped
from pipeline.base.files import write_json, write_text

WORK = ROOT / ".work" / "accuracy"
OTHER_SEEDS = 1000  # scenes that are for choosing start at this seed
CHOOSING = 5  # one of so many scored training images is for choosing


def main() -> None:
    """Run all variants, print a table, write it as Markdown and JSON."""
    given = parse()
    shared = dict(assignment(text) for text in given.set)
    variants = with_shipped(given.variant)
    data = given.data if given.data == SCENES else str(Path(given.data).resolve())
    root = WORK / (("choose-" if given.choose else "") + Path(data).name)
    if given.choose and data != SCENES:
        data = str(choosing_copy(Path(data), root / "data"))
    outcomes = []
    for number in range(given.seeds):
        seed = number + (OTHER_SEEDS if given.choose and data == SCENES else 0)
        for variant in variants:
            print(f"== {variant.name}, seed {seed}", flush=True)
            values = {**QUICK, **shared, **variant.values, "seed": seed}
            options = with_absolute_paths(["--weights", given.weights])
            project = prepare(root / f"{variant.name}-{seed}", root / "cache", data, options, values)
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
    parser.add_argument("--data", default=SCENES, metavar="PATH", help="scenes, or a folder (camseg check)")
    parser.add_argument("--weights", default="pretrained", metavar="W", help="of a folder, see camseg use")
    parser.add_argument(
        "--variant", action="append", default=[], metavar="'NAME: key=value ...'", help="may be repeated"
    )
    parser.add_argument("--set", nargs="+", default=[], metavar="key=value", help="for all variants")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 0 to N - 1 (default: 1)")
    parser.add_argument("--choose", action="store_true", help="score on a part of the training images")
    return parser.parse_args()


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


if __name__ == "__main__":
    main()
