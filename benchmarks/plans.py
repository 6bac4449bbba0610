"""Which plan for the masks suits a data set, told without masks: criteria against the true scores.

    python -m benchmarks.plans PROJECT [PROJECT ...] --views --csv plans.csv

Each PROJECT is a run whose data have masks, with its heatmaps (`benchmarks.league --until make_heatmaps`). A
plan is a threshold and a refiner. All plans make masks of the same training images. --views adds views of
each project: all classes as one, and each class against the rest, from the stored heat. The true masks score
the plans here and are part of no criterion.

thresholds    otsu, and area (by the evidence of small objects, for these with the steepest outlines above it) or,
              without evidence, high (1.4 times Otsu's)
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

`few` and `more` say what a person's masks would give: the points lost where the best plan on 5 and on 20
masks of each class, drawn 50 times, makes the masks of all other images.

The rule of choice, written down before the first run: over all sets, each left out in turn, the criterion or
the sum of ranks of two with the lowest mean regret on the others chooses for the one that is left out. It
replaces the shipped rules if median and worst regret become lower.

This rule did not decide. No criterion was safe among thresholds, so thresholds keep their own rules. After
the first figures of scenes, animals and satellite tiles, contrast got the choice between the CRF and pixels.
"""

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import chdir
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr
from sklearn.metrics import roc_auc_score

from benchmarks.league_sets import ANY, OBJECT, VIEWS
from pipeline import paths
from pipeline.base.files import write_csv
from pipeline.base.parallel import parallel_map
from pipeline.base.process import prepare_process
from pipeline.base.spaced import spaced
from pipeline.data.images import Mask
from pipeline.data.manifest import Manifest, Sample, read_manifest
from pipeline.data.mask_store import load_mask
from pipeline.evaluation.confusion import confusion_matrix, label_ious
from pipeline.evaluation.means import mean_present
from pipeline.heatmaps.evidence import Evidence, read_evidence
from pipeline.heatmaps.store import HeatmapStore, write_index, write_shard
from pipeline.masks.area_threshold import area_threshold
from pipeline.masks.otsu_threshold import POWER, otsu
from pipeline.masks.pixel_classifier import pixel_features, train_pixel_classifier
from pipeline.masks.region_contrast import region_contrast
from pipeline.masks.threshold import upsample
from pipeline.params import Params, load_params
from pipeline.workflows.heatmap_threshold import pooled_histogram
from pipeline.workflows.learnt_refinement import with_learnt
from pipeline.workflows.object_colours import FOLDS, fold
from pipeline.workflows.pseudo_mask_blocks import MaskMaker, mask_maker
from pipeline.workflows.pseudo_mask_job import PseudoMaskJob, ThresholdedHeat
from pipeline.workflows.refinement import with_refinement
from pipeline.workflows.steepest_outlines import steepest

REFINERS = ("none", "crf", "par", "segments", "colours", "pixels")
HIGHER = 1.4  # times Otsu's threshold, where no evidence gives an area
FEW, MORE, DRAWS = 5, 20, 50  # masks of each class that a person makes, and how often they are drawn
PIXELS = 500  # of each image, for the criteria
CRITERIA = ("auto", "information", "told", "auc", "consensus", "middle", "contrast", "heat")
COLUMNS = ("set", "plan", "miou", *CRITERIA, "few", "more")

Row = dict[str, float]


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


class Measured(NamedTuple):
    """What is known of the plans of a view."""

    rows: dict[Plan, Row]
    few: float  # points lost by the choice on masks of a person
    more: float


@dataclass(frozen=True)
class View:
    """Training images of a project with some of its classes, and their heat in a folder of its own."""

    name: str
    manifest: Manifest
    groups: tuple[tuple[int, ...], ...]  # the project's ids of each class
    heat: Path
    evidence: Evidence | None

    def ground_truth(self, sample: Sample) -> Mask:
        """The true mask of a scored sample, with the ids of the view."""
        ids = np.zeros(256, np.uint8)
        ids[255] = 255
        for number, group in enumerate(self.groups):
            ids[[i + 1 for i in group]] = number + 1
        return ids[load_mask(paths.GROUND_TRUTH, sample)]


def main() -> None:
    """Measure the plans on each project and its views, print the tables."""
    prepare_process()
    parser = argparse.ArgumentParser(
        "benchmarks.plans", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("projects", nargs="+", type=Path, metavar="PROJECT")
    parser.add_argument("--images", type=int, default=240, help="training images of each set (default: 240)")
    parser.add_argument("--views", action="store_true", help="also fewer classes of each project")
    parser.add_argument("--csv", type=Path, required=True, metavar="FILE", help="a line for each plan")
    given = parser.parse_args()
    given.csv, found = given.csv.resolve(), {}
    for project in given.projects:
        with chdir(project), tempfile.TemporaryDirectory() as folder:
            params = load_params()
            for view in views(params, given, Path(folder)):
                found[view.name] = measure(view, params, Path(folder) / view.name)
                print(f"\n{view.name}\n{table(found[view.name].rows)}", flush=True)
                every = [line for name, of in found.items() for line in csv_lines(name, of)]
                write_csv(given.csv, COLUMNS, every)
    print(f"\n{summary(found)}")


def csv_lines(name: str, measured: Measured) -> Iterator[dict[str, object]]:
    """The lines of a set in the CSV file."""
    for plan, row in measured.rows.items():
        yield {"set": name, "plan": "-".join(plan), **row, "few": measured.few, "more": measured.more}


def views(params: Params, given: argparse.Namespace, folder: Path) -> Iterator[View]:
    """The classes of the project, and its views; their heat goes to `folder`."""
    whole, method = read_manifest(paths.PREPARED), params.heatmaps.methods[0]
    source = paths.HEATMAPS / method
    name, classes = Path(params.data.path).name, whole.classes
    usable = [s for s in whole.split("train") if s.score or not s.labels]
    chosen = spaced(usable, given.images)
    each = VIEWS.get(name, (ANY, *classes)) if given.views and len(classes) > 1 else ()
    wanted = {name: {c: (i,) for i, c in enumerate(classes)}}
    every = {OBJECT: tuple(range(len(classes)))}
    wanted |= {f"{name}.{view}": every if view == ANY else {view: (classes.index(view),)} for view in each}
    for view, groups in wanted.items():
        yield make_view(view, whole, chosen, groups, source, folder / view / "heat")


def make_view(
    name: str,
    whole: Manifest,
    chosen: Sequence[Sample],
    groups: dict[str, tuple[int, ...]],
    source: Path,
    target: Path,
) -> View:
    """Write the heat of a view, the largest of the classes that become one."""
    store, samples, heat = HeatmapStore(source), [], {}
    for sample in chosen:
        stored = dict(zip(sample.labels, store.read(sample), strict=False))
        merged = [[stored[i] for i in group if i in stored] for group in groups.values()]
        labels = tuple(i for i, maps in enumerate(merged) if maps)
        if labels:
            heat[sample.name] = np.stack([np.max(merged[i], axis=0) for i in labels])
        samples.append(replace(sample, labels=labels))
    target.mkdir(parents=True)
    write_shard(target, 0, heat)
    write_index(target, [list(heat)])
    manifest = replace(whole, classes=tuple(groups), samples=tuple(samples))
    return View(name, manifest, tuple(groups.values()), target, read_evidence(source))


def measure(view: View, params: Params, work: Path) -> Measured:
    """The true score and the criteria of each plan."""
    looked = {
        plan: look_at(view, params, plan, threshold, work / "-".join(plan))
        for kind, threshold in thresholds(view).items()
        for plan in (Plan(kind, refine) for refine in REFINERS)
    }
    features = drawn_features(view)
    ids = {plan: np.stack([one.ids for one in of]) for plan, of in looked.items()}
    told = {plan: told_by_looks(view, features, of) for plan, of in ids.items()}
    reference = np.mean([probabilities for _, probabilities in told.values()], axis=0).argmax(-1)
    auto = shipped_plan(view, params, work)
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
        }
    confusions = np.array([[one.confusion for one in of] for of in looked.values()])
    return Measured(rows, *(lost_by_choice(confusions, masks) for masks in (FEW, MORE)))


def known_mean(values: Sequence[float]) -> float:
    """The mean of the values that are not NaN; 0 without any."""
    mean = mean_present(np.array(values))
    return 0.0 if np.isnan(mean) else mean


def lost_by_choice(confusions: NDArray[np.int64], masks: int) -> float:
    """Points lost, on average, by the plan that is best on `masks` images of each class.

    Args:
        confusions: of each plan and image, (plans, images, L, L); empty ones of images without ground truth.
    """
    generator, lost = np.random.default_rng(0), []
    shown = confusions[0].sum(-1) > 0  # (images, L), by the ground truth
    for _ in range(DRAWS):
        drawn = np.zeros(len(shown), bool)
        for of_class in shown[:, 1:].T:
            order = generator.permutation(np.flatnonzero(of_class))
            drawn[order[:masks]] = True
        on_drawn, on_others = (mious(confusions[:, images].sum(1)) for images in (drawn, ~drawn))
        lost.append(on_others.max() - on_others[on_drawn.argmax()])
    return 100 * float(np.mean(lost))


def mious(confusions: NDArray[np.int64]) -> NDArray[np.float64]:
    """The mIoU of each plan, from its counts (plans, L, L)."""
    return np.array([np.nanmean(label_ious(counts)) for counts in confusions])


def thresholds(view: View) -> dict[str, float]:
    """The values of heat that plans take, by name."""
    histogram = pooled_histogram(view.heat, view.manifest.samples)
    by_otsu = otsu(histogram, POWER)
    if view.evidence is None or not view.evidence.area:
        return {"otsu": by_otsu, "high": min(0.95, HIGHER * by_otsu)}
    by_area = max(by_otsu, area_threshold(histogram, view.evidence.area))
    small = view.evidence.small
    return {"otsu": by_otsu, "area": steepest(view.heat, view.manifest, by_area)[0] if small else by_area}


def shipped_plan(view: View, params: Params, work: Path) -> Plan:
    """What `threshold: auto` and `refine: auto` choose."""
    small = view.evidence is not None and view.evidence.small
    if small:
        return Plan("area", "colours")
    job = job_of(view, params, "auto", thresholds(view)["otsu"], work / "auto")
    return Plan("otsu", job.params.refine)


def job_of(view: View, params: Params, refine: str, threshold: float, work: Path) -> PseudoMaskJob:
    """The job of a plan, with what its refiner learns."""
    work.mkdir(parents=True)
    asked = params.pseudo_masks.model_copy(update={"refine": refine})
    used, heat = with_refinement(asked, view.heat), ThresholdedHeat(view.heat, round(threshold, 4))
    job = PseudoMaskJob(view.manifest.without_samples(), heat, heat, work, used, tiles=params.data.tiles)
    return with_learnt(job, view.manifest, asked, params.seed)


def look_at(view: View, params: Params, plan: Plan, threshold: float, work: Path) -> list[Looked]:
    """What a plan makes of each image."""
    job = job_of(view, params, plan.refine, threshold, work)
    parts = parallel_map(partial(look, job, view), blocks(view), description="-".join(plan))
    return [one for part in parts for one in part]


def blocks(view: View) -> list[Sequence[Sample]]:
    """Few images for each worker at a time."""
    samples = view.manifest.samples
    return [samples[start : start + 16] for start in range(0, len(samples), 16)]


def look(job: PseudoMaskJob, view: View, samples: Sequence[Sample]) -> list[Looked]:
    """The masks of some images, at the drawn pixels, and against the ground truth."""
    maker = mask_maker(job)
    return [look_at_one(maker, view, sample) for sample in samples]


def look_at_one(maker: MaskMaker, view: View, sample: Sample) -> Looked:
    """What a plan makes of one image."""
    image = maker.job.manifest.image(sample)
    heatmaps = upsample(maker.heat.read(sample), image.shape[:2])
    mask = maker.refined(sample, image, heatmaps).refined
    labels = len(view.groups) + 1
    confusion = np.zeros((labels, labels), np.int64)
    if sample.score and sample.labels:
        confusion = confusion_matrix(view.ground_truth(sample), mask, labels)
    inside = mask > 0
    hot = heatmaps.max(axis=0, initial=0)
    heat = hot[inside].mean() - hot[~inside].mean() if inside.any() and not inside.all() else np.nan
    return Looked(mask.ravel()[places(sample)], confusion, region_contrast(image, inside), float(heat))


def places(sample: Sample) -> NDArray[np.intp]:
    """The drawn pixels of an image."""
    size = sample.height * sample.width
    generator = np.random.default_rng([sample.height, sample.width])
    return np.sort(generator.choice(size, PIXELS, replace=size < PIXELS))


def drawn_features(view: View) -> NDArray[np.float32]:
    """Features of the drawn pixels, (images, PIXELS, FEATURES)."""
    draw = partial(features_of, view.manifest.without_samples())
    return np.concatenate(parallel_map(draw, blocks(view), description="features"))


def features_of(manifest: Manifest, samples: Sequence[Sample]) -> NDArray[np.float32]:
    """Features of the drawn pixels of some images."""
    return np.stack([pixel_features(manifest.image(s))[places(s)] for s in samples])


def told_by_looks(view: View, features: NDArray[np.float32], ids: Mask) -> tuple[Row, NDArray[np.float32]]:
    """How well looks tell the ids (images, PIXELS), and the probabilities of ids, by the other half."""
    labels = len(view.manifest.classes) + 1
    folds = np.array([fold(sample) for sample in view.manifest.samples])
    probabilities = np.zeros((*ids.shape, labels))
    for number in range(FOLDS):
        others = folds != number
        of_others = ids[others].ravel()
        first, second = (features[part].reshape(-1, features.shape[-1]) for part in (others, ~others))
        logs = train_pixel_classifier(first, of_others, labels, number).log_likelihoods(second)
        prior = (np.bincount(of_others, minlength=labels) + 1) / (of_others.size + labels)
        joint = np.exp(logs) * prior
        probabilities[~others] = (joint / joint.sum(1, keepdims=True)).reshape(*ids[~others].shape, labels)
    shares = np.bincount(ids.ravel(), minlength=labels) / ids.size
    entropy = -sum(p * np.log2(p) for p in shares if p)
    given = -np.log2(np.take_along_axis(probabilities, ids[..., None].astype(int), -1)).mean()
    aucs = [
        roc_auc_score(ids.ravel() == i, probabilities[..., i].ravel())
        for i in range(1, labels)
        if 0 < shares[i] < 1
    ]
    row = {
        "information": float(entropy - given),
        "told": float((entropy - given) / max(entropy, 1e-9)),
        "auc": float(np.mean(aucs)) if aucs else 0.0,
    }
    return row, probabilities.astype(np.float32)


def agreement(first: Mask, second: Mask) -> float:
    """Mean IoU of the classes of ids of the same pixels, without the background."""
    present = [i for i in np.union1d(first, second) if i]
    ious = [((first == i) & (second == i)).sum() / ((first == i) | (second == i)).sum() for i in present]
    return float(np.mean(ious)) if ious else 0.0


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


def regret(rows: Sequence[Row], keys: Sequence[str]) -> tuple[float, float]:
    """Points lost against the best plan, and Spearman's rank correlation with the true scores."""
    scores = sum(rankdata([row[key] for row in rows]) for key in keys)
    true = np.array([row["miou"] for row in rows])
    return 100 * float(true.max() - true[int(np.argmax(scores))]), float(spearmanr(scores, true).statistic)


if __name__ == "__main__":
    main()
