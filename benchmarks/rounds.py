"""Which self-training round should lead, without ground truth: what each rule loses on `val`.

    python -m benchmarks.rounds PROJECT [PROJECT ...]

Each PROJECT is a finished run with self-training whose data have masks. Each rule looks at the masks of two
rounds of the same training images and lets the earlier one lead where its value falls by more than two
standard errors of the mean difference. The true masks measure the rules here and are part of none.

rules
  last        the last round always leads
  confidence  mean heat of each label in its region, beside the threshold: `confidence` of images.csv
  contrast    mean heat of each label in its region less that outside of it
  colours     `region_contrast` of what the masks show, by which `refine: auto` chooses

The first masks, those of the heatmaps, take part as the round before the first one.

The rule of choice, written down after two runs on photos of animals had shown that confidence and contrast
let the worse round lead there, after `colours` was measured on one of them, and before any run on scenes: the
rule that loses least on `val` against the best round, mean over the data sets, each the mean of its seeds;
within 0.2 points of each other the one that needs least, so `last` first.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline import paths
from pipeline.base.files import read_json
from pipeline.base.process import prepare_process
from pipeline.data.images import IGNORE, Mask
from pipeline.data.manifest import Sample, read_manifest
from pipeline.data.mask_store import load_mask
from pipeline.heatmaps.store import HeatmapStore
from pipeline.masks.region_contrast import region_contrast
from pipeline.masks.threshold import upsample
from pipeline.params import load_params, method_of
from pipeline.workflows.leading_round import falls, read_uncorrected

RULES = ("last", "confidence", "contrast", "colours")
MEASURED = RULES[1:]
Values = NDArray[np.float64]  # (N,), of the same images


@dataclass(frozen=True)
class Round:
    """The masks of a self-training round, or the first ones, and the model that learns from them."""

    name: str
    confidence: Values
    contrast: Values
    colours: Values
    masks: float  # mIoU of the training images with ground truth
    model: float  # mIoU on `val`


def main() -> None:
    """Print a row for each step from one round to the next, and what each rule loses."""
    parser = argparse.ArgumentParser("benchmarks.rounds", description=__doc__.splitlines()[0])
    parser.add_argument("projects", nargs="+", type=Path, metavar="PROJECT", help="folders of finished runs")
    found: dict[str, list[Round]] = {}
    for project in parser.parse_args().projects:
        with chdir(project):
            found[str(project)] = list(read_rounds())
    print("\n".join(steps_table(found)), "\n".join(losses_table(found)), sep="\n\n")


def read_rounds() -> Iterator[Round]:
    """The first masks and the self-training rounds of the run in the working folder, in order."""
    params, manifest = load_params(), read_manifest(paths.PREPARED)
    samples = [sample for sample in manifest.split("train") if sample.labels]
    rounds = params.self_training.rounds
    for name in (method_of(next(iter(rounds))), *rounds):
        sure, heat = read_uncorrected(name), HeatmapStore(paths.HEATMAPS / method_of(name))
        masks = [load_mask(paths.MASKS / name, sample) for sample in samples]
        pairs = list(zip(samples, masks, strict=True))
        colours = [region_contrast(manifest.image(sample), shown(mask)) for sample, mask in pairs]
        yield Round(
            name,
            np.array([sure[sample.name] for sample in samples]),
            np.array([contrast(heat, sample, mask) for sample, mask in pairs]),
            np.nan_to_num(np.array(colours)),  # 0: the objects are lost, or fill the image
            read_json(paths.REPORTS / "pseudo_masks" / name / "metrics.json")["pseudo_masks"]["miou"],
            read_json(paths.REPORTS / "evaluation" / name / "metrics.json")["miou"],
        )


def contrast(heat: HeatmapStore, sample: Sample, mask: Mask) -> float:
    """Mean heat in the region of each label less that outside of it, mean over the labels, [-1, 1]."""
    maps = upsample(heat.read(sample), mask.shape)
    regions = [mask == label + 1 for label in sample.labels]
    pairs = [(m[r], m[~r]) for m, r in zip(maps, regions, strict=True)]
    return float(np.mean([(i.mean() if i.size else 0) - (o.mean() if o.size else 1) for i, o in pairs]))


def shown(mask: Mask) -> NDArray[np.bool_]:
    """Where a mask shows a class."""
    return (mask != 0) & (mask != IGNORE)


def leading(rounds: Sequence[Round], rule: str) -> Round:
    """The round that leads by a rule."""
    lead = len(rounds) - 1
    while lead and rule != "last" and falls(getattr(rounds[lead - 1], rule), getattr(rounds[lead], rule)):
        lead -= 1
    return rounds[lead]


def points_lost(rounds: Sequence[Round], rule: str) -> float:
    """Points of mIoU on `val` that the leading model lacks to the best one."""
    return 100 * (max(r.model for r in rounds) - leading(rounds, rule).model)


def steps_table(found: Mapping[str, Sequence[Round]]) -> Iterator[str]:
    """Each step from one round to the next: how the values change, and how good masks and models become."""
    yield f"| run | step | {' | '.join(MEASURED)} | masks, points | model on `val`, points |"
    yield "|---" * (len(MEASURED) + 4) + "|"
    for run, rounds in found.items():
        for before, after in pairwise(rounds):
            changes = [getattr(after, rule) - getattr(before, rule) for rule in MEASURED]
            values = " | ".join(f"{c.mean():+.4f} ± {c.std(ddof=1) / len(c) ** 0.5:.4f}" for c in changes)
            points = f"{100 * (after.masks - before.masks):+.1f} | {100 * (after.model - before.model):+.1f}"
            yield f"| {run} | {before.name} to {after.name} | {values} | {points} |"


def losses_table(found: Mapping[str, Sequence[Round]]) -> Iterator[str]:
    """Which round leads by each rule, and the points that it lacks to the best one."""
    yield "| run | " + " | ".join(RULES) + " |"
    yield "|---" * (len(RULES) + 1) + "|"
    for run, rounds in found.items():
        cells = [f"{leading(rounds, rule).name}: {points_lost(rounds, rule):.1f}" for rule in RULES]
        yield f"| {run} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    prepare_process()
    main()
