"""Which plan for the masks suits a data set, told without masks: criteria against the true scores.

    python -m benchmarks.plans PROJECT [PROJECT ...] --views --csv plans.csv

Each PROJECT is a run whose data have masks, with its heatmaps (`benchmarks.league --until make_heatmaps`). A
plan is a threshold and a refiner. All plans make masks of the same training images. --views adds views of
each project: all classes as one, and each class against the rest, from the stored heat. The true masks score
the plans here and are part of no criterion.

thresholds    otsu; outline: the steepest outlines; area: where heat covers the area of small objects
refiners      none, crf, par, segments, colours, pixels

criteria
  auto        1 for the plan that the shipped rules choose
  information mutual information of a pixel's look and its id in the masks, by pixel classifiers of the
              other half of the images, in bits of a pixel; images without a class are background
  told        the same, as a share of the entropy of the ids
  auc         AUC of these classifiers, mean over the classes
  consensus   mean IoU of the classes with the masks of the other plans
  middle      IoU with the reference that the pixel classifiers of all plans give together
  contrast    of the colours inside and around the objects
  heat        mean heat inside less mean heat outside
  kept        pixels of objects, divided by those of heat above the threshold

`few` and `more` say what a person's masks would give: the points lost where the best plan on 5 and on 20
masks of each class, drawn 50 times, makes the masks of all other images.

The rule of choice, written down before the first run: over all sets, each left out in turn, the criterion or
the sum of ranks of two with the lowest mean regret on the others chooses for the one that is left out. It did
not decide: no criterion was safe among thresholds. After the first figures of scenes, animals and satellite
tiles, contrast got the choice between the CRF and pixels.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import chdir
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.plan_criteria import (
    Row,
    agreement,
    drawn_features,
    known_mean,
    lost_by_choice,
    places,
    regret,
    told_by_looks,
)
from benchmarks.plan_views import View, blocks, view_parser, views
from pipeline.base.files import write_csv
from pipeline.base.parallel import parallel_map
from pipeline.base.process import prepare_process
from pipeline.data.images import Mask
from pipeline.data.manifest import Sample
from pipeline.evaluation.confusion import confusion_matrix, label_ious
from pipeline.masks.region_contrast import region_contrast
from pipeline.params import Params, load_params
from pipeline.workflows.heatmap_threshold import candidate_thresholds
from pipeline.workflows.learnt_refinement import with_learnt
from pipeline.workflows.pseudo_mask_blocks import MaskMaker, mask_maker
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob, ThresholdedHeat

REFINERS = ("none", "crf", "par", "segments", "colours", "pixels")
FEW, MORE = 5, 20  # masks of each class that a person makes
CRITERIA = ("auto", "information", "told", "auc", "consensus", "middle", "contrast", "heat", "kept")
COLUMNS = ("set", "plan", "miou", *CRITERIA, "few", "more")


class Plan(NamedTuple):
    """A way from heat to masks."""

    threshold: str
    refine: str


class Looked(NamedTuple):
    """What a plan made of one image, where it is looked at."""

    ids: Mask  # (PIXELS,)
    confusion: NDArray[np.int64]  # (L, L), against the ground truth
    contrast: float  # NaN without an object
    heat: float
    kept: tuple[int, int]  # pixels of objects, and of heat above the threshold


class Measured(NamedTuple):
    """What is known of the plans of a view."""

    rows: dict[Plan, Row]
    few: float  # points lost by the choice on masks of a person
    more: float


def main() -> None:
    """Measure the plans on each project and its views, print the tables."""
    prepare_process()
    parser = view_parser("benchmarks.plans", __doc__, images=240)
    parser.add_argument("--refiners", nargs="+", choices=REFINERS, default=REFINERS, help="default: all")
    parser.add_argument("--csv", type=Path, required=True, metavar="FILE", help="a line for each plan")
    given = parser.parse_args()
    given.csv, found = given.csv.resolve(), {}
    for project in given.projects:
        with chdir(project), tempfile.TemporaryDirectory() as folder:
            params = load_params()
            for view in views(params, given, Path(folder)):
                found[view.name] = measure(view, params, given.refiners, Path(folder) / view.name)
                print(f"\n{view.name}\n{table(found[view.name].rows)}", flush=True)
                every = [line for name, of in found.items() for line in csv_lines(name, of)]
                write_csv(given.csv, COLUMNS, every)
    print(f"\n{summary(found)}")


def csv_lines(name: str, measured: Measured) -> Iterator[dict[str, object]]:
    """The lines of a set in the CSV file."""
    for plan, row in measured.rows.items():
        yield {"set": name, "plan": "-".join(plan), **row, "few": measured.few, "more": measured.more}


def measure(view: View, params: Params, refiners: Sequence[str], work: Path) -> Measured:
    """The true score and the criteria of each plan."""
    found = candidate_thresholds(view.heat, view.manifest)
    thresholds = {"otsu": found.otsu, "outline": found.steepest}
    if found.small:
        thresholds["area"] = found.least
    looked = {
        plan: look_at(view, params, plan, threshold, work / "-".join(plan))
        for kind, threshold in thresholds.items()
        for plan in (Plan(kind, refine) for refine in refiners)
    }
    features = drawn_features(view)
    ids = {plan: np.stack([one.ids for one in of]) for plan, of in looked.items()}
    told = {plan: told_by_looks(view, features, of) for plan, of in ids.items()}
    reference = np.mean([probabilities for _, probabilities in told.values()], axis=0).argmax(-1)
    shipped = job_of(view, params, "auto", found.auto, work / "auto")
    kind = next(kind for kind, threshold in thresholds.items() if threshold == shipped.heat.threshold)
    auto = Plan(kind, shipped.params.refine)
    rows = {}
    for plan, of in looked.items():
        miou = float(np.nanmean(label_ious(sum(one.confusion for one in of))))
        others = [agreement(ids[plan], ids[other]) for other in ids if other != plan]
        rows[plan] = {
            "miou": miou,
            "auto": float(plan == auto),
            **told[plan][0],
            "consensus": float(np.mean(others)),
            "middle": agreement(ids[plan], reference),
            "contrast": known_mean([one.contrast for one in of]),
            "heat": known_mean([one.heat for one in of]),
            "kept": float(np.divide(*np.sum([one.kept for one in of], axis=0))),
        }
    confusions = np.array([[one.confusion for one in of] for of in looked.values()])
    return Measured(rows, *(lost_by_choice(confusions, masks) for masks in (FEW, MORE)))


def job_of(view: View, params: Params, refine: str, threshold: float, work: Path) -> PseudoMaskJob:
    """The job of a plan, with what its refiner learns."""
    work.mkdir(parents=True)
    asked = params.pseudo_masks.model_copy(update={"refine": refine})
    heat = ThresholdedHeat(view.heat, round(threshold, 4))
    job = PseudoMaskJob(view.manifest.without_samples(), heat, heat, work, asked, tiles=params.data.tiles)
    return with_learnt(job, view.manifest, params.seed)


def look_at(view: View, params: Params, plan: Plan, threshold: float, work: Path) -> list[Looked]:
    """What a plan makes of each image."""
    job = job_of(view, params, plan.refine, threshold, work)
    parts = parallel_map(partial(look, job, view), blocks(view), description="-".join(plan))
    return [one for part in parts for one in part]


def look(job: PseudoMaskJob, view: View, samples: Sequence[Sample]) -> list[Looked]:
    """The masks of some images, at the drawn pixels, and against the ground truth."""
    maker = mask_maker(job)
    return [look_at_one(maker, view, sample) for sample in samples]


def look_at_one(maker: MaskMaker, view: View, sample: Sample) -> Looked:
    """What a plan makes of one image."""
    image, heatmaps, made = maker.pseudo_mask(sample)
    mask = made.refined
    labels = len(view.groups) + 1
    confusion = np.zeros((labels, labels), np.int64)
    if sample.score and sample.labels:
        confusion = confusion_matrix(view.ground_truth(sample), mask, labels)
    inside = mask > 0
    hot = heatmaps.max(axis=0, initial=0)
    heat = hot[inside].mean() - hot[~inside].mean() if inside.any() and not inside.all() else np.nan
    kept = np.count_nonzero(inside), np.count_nonzero(hot > (maker.job.heat.threshold or 0))
    contrast = region_contrast(image, inside)
    return Looked(mask.ravel()[places(sample)], confusion, contrast, float(heat), kept)


def table(rows: dict[Plan, Row]) -> str:
    """A line for each plan of one set."""
    head = f"{'plan':16}" + "".join(f"{key:>12}" for key in ("miou", *CRITERIA))
    lines = [
        f"{'-'.join(plan):16}" + "".join(f"{row[key]:12.3f}" for key in ("miou", *CRITERIA))
        for plan, row in rows.items()
    ]
    return "\n".join([head, *lines])


def summary(found: dict[str, Measured]) -> str:
    """Regret in points and rank correlation of each criterion and each sum of two ranks, and of masks."""
    names = [*CRITERIA, *(f"{a}+{b}" for i, a in enumerate(CRITERIA[1:], 1) for b in CRITERIA[i + 1 :])]
    results = {}
    for name in names:
        of_sets = [regret(list(of.rows.values()), name.split("+")) for of in found.values()]
        results[name] = (
            np.array([points for points, _ in of_sets]),
            np.nanmean([rank for _, rank in of_sets]),
        )
    for name in ("few", "more"):
        results[name] = (np.array([getattr(of, name) for of in found.values()]), np.nan)
    head = "".join(f"{text:>8}" for text in ("median", "mean", "worst", "rank"))
    lines = [f"{'criterion':24}{head}"]
    for name, (points, rank) in sorted(results.items(), key=lambda item: item[1][0].mean()):
        values = (np.median(points), points.mean(), points.max())
        lines.append(f"{name:24}" + "".join(f"{value:8.1f}" for value in values) + f"{rank:8.2f}")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
