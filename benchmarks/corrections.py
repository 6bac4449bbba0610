"""What corrected masks are worth: val mIoU over their number, picked at random and by `camseg export`.

    python -m benchmarks.corrections --data scenes --counts 10 30 100 --seeds 3
    python -m benchmarks.corrections --data ../photos --weights ../encoder.safetensors
    python -m benchmarks.corrections --with pseudo_masks.threshold=calibrated

Ground-truth masks play the human. First the pipeline runs without corrections. Then so many training images
get their ground-truth mask as a correction: those that a seed picks, or those that `camseg export` puts in
front. A larger number holds the smaller one. Scores of training images are left out: corrected images count
in none, so that those of two numbers are of other images.

Each run is a copy of the project under .work/corrections. All share one DVC cache, so that the classifier and
its heatmaps are made once for a seed, and a bench that was interrupted goes on.
"""

import argparse
import csv
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.projects import QUICK, ROOT, SCENES, call, prepare, with_absolute_paths
from benchmarks.scores import run
from benchmarks.tables import Outcome, markdown
from benchmarks.variants import assignment
from pipeline.base.files import write_json, write_text
from pipeline.data.corrections.store import store_corrections
from pipeline.data.manifest import Manifest, Sample, read_manifest
from pipeline.data.mask_store import load_mask

WORK = ROOT / ".work" / "corrections"
SHOWN = ("weak", "full", "weak / full", "minutes")


def main() -> None:
    """Run all numbers, print a table, write it as Markdown and JSON."""
    given = parse()
    shared, more = dict(map(assignment, given.set)), dict(map(assignment, given.extra))
    data = given.data if given.data == SCENES else str(Path(given.data).resolve())
    root = WORK / Path(data).name
    outcomes = []
    for seed in range(given.seeds):
        values = {**QUICK, **shared, "seed": seed}
        options = with_absolute_paths(["--weights", given.weights])
        base = prepare(root / f"none-0-{seed}", root / "cache", data, options, values)
        outcomes.append(score(base, "0", seed))
        manifest = read_manifest(base / "data/prepared")
        orders = {"random": at_random(base, manifest, seed), "doubt": by_doubt(base, manifest)}
        for count in given.counts:
            for pick, names in orders.items():
                project = root / f"{pick}-{count}-{seed}"
                prepare(project, root / "cache", data, options, {**values, **more})
                correct(project, base, manifest.classes, first(names, count))
                outcomes.append(score(project, f"{count} {pick}", seed))
                write(root, outcomes)
    write(root, outcomes)
    print(f"\n{markdown(outcomes)}\nwritten: {root / 'table.md'}, {root / 'outcomes.json'}")


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        "benchmarks.corrections", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default=SCENES, metavar="PATH", help="scenes, or a folder (camseg check)")
    parser.add_argument("--weights", default="pretrained", metavar="W", help="of a folder, see camseg use")
    parser.add_argument("--counts", type=int, nargs="+", default=[10, 30, 100], metavar="N")
    parser.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds 0 to N - 1 (default: 1)")
    parser.add_argument("--set", nargs="+", default=[], metavar="key=value", help="for all runs")
    parser.add_argument(
        "--with", nargs="+", default=[], metavar="key=value", dest="extra", help="for runs with corrections"
    )
    return parser.parse_args()


def score(project: Path, name: str, seed: int) -> Outcome:
    """`dvc repro` in `project`, and the scores of `val` images."""
    print(f"== {name}, seed {seed}", flush=True)
    found = run(project)
    return Outcome(name, seed, {key: found[key] for key in SHOWN})


def write(root: Path, outcomes: Sequence[Outcome]) -> None:
    """What is known so far."""
    write_text(root / "table.md", markdown(outcomes))
    write_json(root / "outcomes.json", [vars(outcome) for outcome in outcomes])


def at_random(project: Path, manifest: Manifest, seed: int) -> list[str]:
    """The training images that may be corrected, shuffled by the seed."""
    names = [sample.name for sample in correctable(project, manifest)]
    return [names[i] for i in np.random.default_rng(seed).permutation(len(names))]


def by_doubt(project: Path, manifest: Manifest) -> list[str]:
    """The training images that may be corrected, in the order of `camseg export`."""
    shutil.rmtree(project / "exported", ignore_errors=True)
    call(project, sys.executable, "-m", "pipeline", "export", "png", "exported")
    with (project / "exported/confidence.csv").open(newline="", encoding="utf-8") as file:
        order = [row["name"] for row in csv.DictReader(file)]
    names = {sample.name for sample in correctable(project, manifest)}
    return [name for name in order if name in names]


def correctable(project: Path, manifest: Manifest) -> list[Sample]:
    """Training images with a scored ground-truth mask that shows no class but their labels."""
    found = []
    for sample in manifest.split("train"):
        if sample.score:
            mask = load_mask(project / "data/masks/full", sample)
            found += [sample] if set(np.unique(mask)) <= {0, 255, *(c + 1 for c in sample.labels)} else []
    return found


def first(names: Sequence[str], count: int) -> Sequence[str]:
    """The first `count` names, which there have to be."""
    if not 0 < count <= len(names):
        raise SystemExit(f"--counts: expected 1 to {len(names)}, the images with ground truth, got {count}")
    return names[:count]


def correct(project: Path, base: Path, classes: Sequence[str], names: Sequence[str]) -> None:
    """The ground-truth masks of these images as the only corrections of `project`."""
    folder = project / "data/corrections"
    for file in folder.rglob("*.png"):
        file.unlink()
    masks = {name: (base / "data/masks/full" / f"{name}.png").read_bytes() for name in names}
    store_corrections(folder, masks, classes)


if __name__ == "__main__":
    main()
